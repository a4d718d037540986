-- Long works on the fleet, each done by one instance at a time: the one that holds the lease until leased_until, by this
-- server's clock. spec, pace, failures and report are JSON of migration/jobs; failures by code with their count and samples.
CREATE TABLE migration_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    spec jsonb NOT NULL,
    pace jsonb NOT NULL,
    epoch bigint NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    leased_by text,
    leased_until timestamptz,
    is_planned boolean NOT NULL DEFAULT false,
    points_done bigint NOT NULL DEFAULT 0,
    points_total bigint NOT NULL DEFAULT 0,
    chunks_done integer NOT NULL DEFAULT 0,
    chunks_total integer NOT NULL DEFAULT 0,
    chunks_failed integer NOT NULL DEFAULT 0,
    rounds bigint NOT NULL DEFAULT 0,
    failures jsonb NOT NULL DEFAULT '{}',
    points_per_second double precision NOT NULL DEFAULT 0,
    waiting_for text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    report jsonb
);

-- What a job is made of, in the order in which it is done. state: WAITING, DONE or FAILED.
CREATE TABLE migration_job_chunks (
    job_id bigint NOT NULL REFERENCES migration_jobs ON DELETE CASCADE,
    number integer NOT NULL,
    payload jsonb NOT NULL,
    points bigint NOT NULL,
    state text NOT NULL DEFAULT 'WAITING',
    PRIMARY KEY (job_id, number)
);
CREATE INDEX migration_job_chunks_left ON migration_job_chunks (job_id, number) WHERE state <> 'DONE';

-- What a job could not do or carry, by name. One that is not informational holds the phase up until waived_by is set.
CREATE TABLE migration_job_findings (
    job_id bigint NOT NULL REFERENCES migration_jobs ON DELETE CASCADE,
    code text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    points bigint NOT NULL,
    is_informational boolean NOT NULL,
    waived_by text,
    waived_at timestamptz,
    waived_reason text,
    PRIMARY KEY (job_id, code, subject)
);
