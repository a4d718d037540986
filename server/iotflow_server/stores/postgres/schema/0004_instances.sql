-- Every process that serves the deployment while it keeps IoTDB. confirmed is the revision (of migration_transitions) that it
-- acts by; dirty_* count the dirty ranges on its own disk, and lag_* are the seconds since the oldest was noted; stopped: it
-- ended in good order, and those figures hold. Rows go only where an operator removes them, or an instance leaves a phase in
-- which it cannot start without this database.
CREATE TABLE instances (
    instance_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    heard_at timestamptz NOT NULL DEFAULT now(),
    confirmed bigint NOT NULL DEFAULT 0,
    dirty_iotdb bigint NOT NULL DEFAULT 0,
    dirty_postgres bigint NOT NULL DEFAULT 0,
    lag_iotdb double precision NOT NULL DEFAULT 0,
    lag_postgres double precision NOT NULL DEFAULT 0,
    stopped boolean NOT NULL DEFAULT false
);

-- Transitions from one phase to another, at most one of them under way. revision rises with each step of any.
CREATE TABLE migration_transitions (
    transition_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision bigint NOT NULL UNIQUE,
    from_phase text NOT NULL,
    to_phase text NOT NULL,
    step text NOT NULL CHECK (step IN ('ANNOUNCED', 'STRICT', 'DRAINED', 'FLIPPED', 'DONE', 'UNDONE')),
    changed_by text NOT NULL,
    reason text NOT NULL,
    forced boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    step_at timestamptz NOT NULL DEFAULT now(),
    finding text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX migration_transitions_under_way ON migration_transitions ((true))
    WHERE step NOT IN ('DONE', 'UNDONE');

-- Whether what was written in a phase without PostgreSQL is recorded as dirty, so that the way forward copies only that.
ALTER TABLE migration_phase ADD COLUMN remembers boolean NOT NULL DEFAULT false;

-- Ranges in which a store may differ from the one that is read, but for those that an instance has on its own disk.
-- device_id null: every device. written_since: only rows of PostgreSQL that were written from then on. noted_at -infinity: a
-- store that had not been written at all.
CREATE TABLE dirty_ranges (
    range_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    device_id integer,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    written_since timestamptz,
    claimed_by text COLLATE "C",
    noted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dirty_ranges_device ON dirty_ranges (store, device_id, starts_at);
