-- What verifications have compared, one row for each part of a device's time; times in microseconds since 1970. changed:
-- points that IoTDB itself has changed or dropped. The counts of differences are those before any was put right.
CREATE TABLE verification_parts (
    job_id bigint NOT NULL REFERENCES migration_jobs ON DELETE CASCADE,
    device_id integer NOT NULL,
    start_us bigint NOT NULL,
    end_us bigint NOT NULL,
    points bigint NOT NULL,
    missing bigint NOT NULL,
    mismatched bigint NOT NULL,
    extra bigint NOT NULL,
    changed bigint NOT NULL,
    corrected bigint NOT NULL,
    PRIMARY KEY (job_id, device_id, start_us)
);

-- The first points that a verification found to differ, with what either store had. outcome: OPEN, CHANGED or CORRECTED.
CREATE TABLE verification_differences (
    job_id bigint NOT NULL REFERENCES migration_jobs ON DELETE CASCADE,
    device_id integer NOT NULL,
    measurement_name text COLLATE "C" NOT NULL,
    timestamp_us bigint NOT NULL,
    kind text NOT NULL,
    primary_value text,
    secondary_value text,
    outcome text NOT NULL,
    PRIMARY KEY (job_id, device_id, measurement_name, timestamp_us)
);

-- Reads that both stores answered differently, with the question as JSON, to be asked again.
CREATE TABLE shadow_mismatches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    found_at timestamptz NOT NULL DEFAULT now(),
    method text NOT NULL,
    question jsonb NOT NULL,
    read_from text NOT NULL,
    detail text NOT NULL
);
