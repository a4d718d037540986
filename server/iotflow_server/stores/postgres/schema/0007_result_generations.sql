-- Tokens under which results of queries may be kept elsewhere (docs/adr/0012): one for each device that was written since
-- tokens are kept, and that of device_id 0, which stands for all devices. A transaction that changes points changes the
-- tokens of their devices or that of all; no token ever comes back.
CREATE TABLE result_generations (
    device_id integer PRIMARY KEY,
    token uuid NOT NULL
) WITH (fillfactor = 50);

-- Makes every result that is kept anywhere a thing of the past. To be called where points change by other means than
-- statements on telemetry_data and telemetry_metadata themselves, as where a partition is detached or dropped.
CREATE FUNCTION forget_results() RETURNS void LANGUAGE sql AS $$
    INSERT INTO result_generations AS known VALUES (0, gen_random_uuid())
    ON CONFLICT (device_id) DO UPDATE SET token = excluded.token
$$;

-- Changes the token of all, once in a transaction, unless that has changed the tokens of its devices.
CREATE FUNCTION forget_results_unless_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('iotflow.generations_changed', true) IS DISTINCT FROM 'on' THEN
        PERFORM forget_results(), set_config('iotflow.generations_changed', 'on', true);
    END IF;
    RETURN NULL;
END
$$;

-- From the end of this transaction on tokens are kept, whoever writes to a table. Transactions that write to it now end first.
CREATE FUNCTION keep_generations(points regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = points AND tgname = 'forget_results') THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TRIGGER forget_results BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION forget_results_unless_told()', points
    );
    PERFORM forget_results();
END
$$;

-- Spares writers the tokens, where no server keeps results any more.
CREATE FUNCTION stop_keeping_generations() RETURNS void LANGUAGE sql AS $$
    DROP TRIGGER IF EXISTS forget_results ON telemetry_data;
    DROP TRIGGER IF EXISTS forget_results ON telemetry_metadata
$$;
