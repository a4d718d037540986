-- The greatest attempt of each writer of streams that has connected again. A row is written when such a stream begins, and
-- looked at before a point is overwritten for a writer; the server removes it at a start, 30 days after seen_at.
CREATE TABLE stream_writers (
    writer_id text COLLATE "C" PRIMARY KEY,
    attempt bigint NOT NULL,
    seen_at timestamptz NOT NULL
);
