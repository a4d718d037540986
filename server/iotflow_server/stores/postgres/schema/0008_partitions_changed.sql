-- Makes figures and kept results of the points of a partition a thing of the past. To be called in the transaction that
-- detaches, drops or attaches one by other means than iotflow_drop_partition, while it is attached.
CREATE FUNCTION iotflow_forget_partition(part regclass) RETURNS void LANGUAGE plpgsql
SET datestyle TO 'ISO' SET timezone TO 'UTC' AS $$
DECLARE
    bounds text[];
BEGIN
    SELECT regexp_match(pg_get_expr(relpartbound, oid), $r$FROM \('(.*)'\) TO \('(.*)'\)$r$) INTO bounds
    FROM pg_class WHERE oid = part AND relispartition;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = part AND inhparent = 'telemetry_data'::regclass) THEN
        -- One that was made otherwise than by the server may have no bounds of this form.
        PERFORM forget_rollups(
            coalesce(bounds[1]::timestamptz, '-infinity'), coalesce(bounds[2]::timestamptz, 'infinity')
        );
    END IF;
    PERFORM forget_results();
END
$$;

-- Drops a partition of telemetry_data or telemetry_metadata with all its points, such that no answer holds them any more.
-- Waits for whoever reads or writes the table, as DROP TABLE does, and lets nobody else in meanwhile: set lock_timeout.
CREATE FUNCTION iotflow_drop_partition(part regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent regclass;
BEGIN
    SELECT inhparent::regclass INTO parent FROM pg_inherits
    WHERE inhrelid = part AND inhparent = ANY (ARRAY['telemetry_data', 'telemetry_metadata']::regclass[]);
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no partition of telemetry_data or telemetry_metadata', part;
    END IF;
    -- Before any row is locked that writers lock while they hold the table.
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', parent);
    PERFORM iotflow_forget_partition(part);
    EXECUTE format('DROP TABLE %s', part);
END
$$;

-- Triggers of telemetry_data do not see statements that name a partition.
CREATE FUNCTION forget_this_partition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM iotflow_forget_partition(TG_RELID::regclass);
    RETURN NULL;
END
$$;
CREATE FUNCTION watch_partition(part regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER forget_this_partition BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION forget_this_partition()', part
    );
END
$$;
SELECT watch_partition(inhrelid::regclass) FROM pg_inherits
WHERE inhparent = ANY (ARRAY['telemetry_data', 'telemetry_metadata']::regclass[]);
