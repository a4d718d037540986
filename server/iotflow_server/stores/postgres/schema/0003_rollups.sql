-- Figures of the points of each series, hour by hour, a row for each day in UTC (docs/adr/0011). They hold for hours before
-- rollup_state.until that no mark of their device touches; where there is no row, such hours are empty. Entry i of a
-- column of figures belongs to hour i of those whose bits are set in hours.
CREATE TABLE telemetry_rollups (
    device_id integer NOT NULL,
    measurement_name text COLLATE "C" NOT NULL,
    day timestamptz NOT NULL,
    hours integer NOT NULL,
    counts bytea NOT NULL,
    sums bytea NOT NULL,
    squares bytea NOT NULL,
    odds bytea,
    leasts bytea NOT NULL,
    greatests bytea NOT NULL,
    firsts bytea NOT NULL,
    lasts bytea NOT NULL,
    PRIMARY KEY (device_id, measurement_name, day)
) WITH (toast_tuple_target = 8160);

-- Where points have changed since their figures were computed, or may have; device_id 0 stands for all devices. A mark is
-- made in the transaction that changes the points.
CREATE TABLE rollup_marks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL,
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL
);
CREATE INDEX rollup_marks_device_id ON rollup_marks (device_id);

-- Writers are to mark what they change before marked_before, which is never less than until.
CREATE TABLE rollup_state (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    until timestamptz NOT NULL,
    marked_before timestamptz NOT NULL CHECK (marked_before >= until)
);
INSERT INTO rollup_state (until, marked_before) VALUES ('-infinity', '-infinity');

-- Marks for a writer all that it may have changed without marking it. iotflow.marked_before says before when it marks by itself;
-- whoever has not set it, as SQL by hand, marks nothing.
CREATE FUNCTION mark_what_is_not() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    marked_before timestamptz := coalesce(nullif(current_setting('iotflow.marked_before', true), ''), '-infinity');
    rolled_until timestamptz;
BEGIN
    SELECT until INTO rolled_until FROM rollup_state;
    IF marked_before < rolled_until THEN
        INSERT INTO rollup_marks (device_id, start, stop) VALUES (0, marked_before, rolled_until);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mark_what_is_not BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON telemetry_data
FOR EACH STATEMENT EXECUTE FUNCTION mark_what_is_not();

-- To be called where points change by other means than statements on telemetry_data itself, as where a partition is detached.
CREATE FUNCTION forget_rollups(start timestamptz, stop timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO rollup_marks (device_id, start, stop) VALUES (0, start, stop)
$$;
