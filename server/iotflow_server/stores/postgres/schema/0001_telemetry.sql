-- Points, one row each, under the key (device_id, measurement_name, timestamp). The names of the table and its
-- columns are those that people's SQL uses. An INTEGER value sets integer_value, and numeric_value beside it.
CREATE TABLE telemetry_data (
    device_id integer NOT NULL,
    user_id integer,
    timestamp timestamptz NOT NULL,
    measurement_name text COLLATE "C" NOT NULL,
    numeric_value double precision,
    integer_value bigint,
    text_value text,
    boolean_value boolean,
    json_value jsonb,
    metadata jsonb,
    quality_flag integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, measurement_name, timestamp)
) PARTITION BY RANGE (timestamp);

-- Metadata of records, one row for each key, of the same shape: it belongs to (device_id, timestamp).
CREATE TABLE telemetry_metadata (
    device_id integer NOT NULL,
    user_id integer,
    timestamp timestamptz NOT NULL,
    measurement_name text COLLATE "C" NOT NULL,
    numeric_value double precision,
    integer_value bigint,
    text_value text,
    boolean_value boolean,
    json_value jsonb,
    metadata jsonb,
    quality_flag integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, timestamp, measurement_name)
) PARTITION BY RANGE (timestamp);

-- Which series a device has, so that they are known without reading points. kinds: a bit for each kind of value.
CREATE TABLE telemetry_series (
    device_id integer NOT NULL,
    measurement_name text COLLATE "C" NOT NULL,
    kinds smallint NOT NULL,
    PRIMARY KEY (device_id, measurement_name)
);

-- The registry of devices; user_id 0 means that nobody owns it.
CREATE TABLE devices (
    device_id integer PRIMARY KEY,
    user_id integer NOT NULL DEFAULT 0,
    registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX devices_user_id ON devices (user_id, device_id);

-- The phases that the deployment has been in, one row for each change.
CREATE TABLE migration_phase (
    epoch bigint PRIMARY KEY,
    phase text NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    reason text NOT NULL,
    forced boolean NOT NULL
);
