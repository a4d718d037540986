-- What each instance acts by, and what it tells of either store with its heartbeat: points that writes noted as missing there and
-- that wait for repair on its own disk, points repaired since it started, and the rates and 95th percentiles of the last seconds.
ALTER TABLE instances ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN step text NOT NULL DEFAULT '';

CREATE TABLE instance_stores (
    instance_id text COLLATE "C" NOT NULL REFERENCES instances ON DELETE CASCADE,
    store text NOT NULL,
    dirty_points bigint NOT NULL,
    repaired_points bigint NOT NULL,
    points_per_second double precision NOT NULL,
    reads_per_second double precision NOT NULL,
    write_p95_seconds double precision NOT NULL,
    read_p95_seconds double precision NOT NULL,
    PRIMARY KEY (instance_id, store)
);

-- Points that writes have noted in a range, as far as known.
ALTER TABLE dirty_ranges ADD COLUMN points bigint NOT NULL DEFAULT 0;
