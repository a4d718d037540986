"""Statements over jobs. $1 is the job wherever one is meant, $2 the instance where its lease matters."""

from __future__ import annotations

from typing import Final

_JOB: Final = """
migration_jobs.*, (
    SELECT count(*) FROM migration_job_findings AS finding
    WHERE finding.job_id = migration_jobs.id AND NOT is_informational AND waived_by IS NULL
) AS open_findings
"""
INSERT: Final = f"""
INSERT INTO migration_jobs (kind, state, spec, pace, epoch, created_by)
VALUES ($1, 'PENDING', $2, $3, $4, $5) RETURNING {_JOB}
"""
GET: Final = f"SELECT {_JOB} FROM migration_jobs WHERE id = $1"
LIST: Final = f"""
SELECT {_JOB} FROM migration_jobs
WHERE (cardinality($1::text[]) = 0 OR kind = ANY ($1)) AND (cardinality($2::text[]) = 0 OR state = ANY ($2)) AND id < $3
ORDER BY id DESC LIMIT $4
"""
#: Take the oldest job of kinds $2 that nobody holds, but for those in $4. One whose holder's lease has run out is
#: nobody's, and one that this instance held before it was started anew is its own.
CLAIM: Final = f"""
UPDATE migration_jobs SET state = 'RUNNING', leased_by = $1, leased_until = now() + make_interval(secs => $3),
    started_at = coalesce(started_at, now())
WHERE id = (
    SELECT id FROM migration_jobs
    WHERE kind = ANY ($2::text[]) AND state IN ('PENDING', 'RUNNING') AND NOT id = ANY ($4::bigint[])
        AND (leased_by IS NULL OR leased_by = $1 OR leased_until < now())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING {_JOB}
"""
RENEW: Final = f"""
UPDATE migration_jobs SET leased_until = now() + make_interval(secs => $3), points_per_second = $4, waiting_for = $5,
    state = CASE state WHEN 'PENDING' THEN 'RUNNING' ELSE state END
WHERE id = $1 AND leased_by = $2 RETURNING {_JOB}
"""
RELEASE: Final = """
UPDATE migration_jobs SET leased_by = NULL, leased_until = NULL, points_per_second = 0, waiting_for = '',
    state = CASE state WHEN 'RUNNING' THEN 'PENDING' ELSE state END
WHERE id = $1 AND leased_by = $2
"""
#: Whether the lease is held, until the transaction ends.
HOLD: Final = "SELECT 1 FROM migration_jobs WHERE id = $1 AND leased_by = $2 FOR UPDATE"

FORGET_CHUNKS: Final = "DELETE FROM migration_job_chunks WHERE job_id = $1"
ADD_CHUNKS: Final = """
INSERT INTO migration_job_chunks (job_id, number, payload, points)
SELECT $1, $2 + ordinality - 1, payload, points
FROM unnest($3::jsonb[], $4::bigint[]) WITH ORDINALITY AS new (payload, points, ordinality)
"""
COUNT_PLAN: Final = """
UPDATE migration_jobs SET (chunks_total, points_total) =
    (SELECT count(*), coalesce(sum(points), 0) FROM migration_job_chunks WHERE job_id = $1)
WHERE id = $1
"""
PLANNED: Final = "UPDATE migration_jobs SET is_planned = true WHERE id = $1"
IS_PLANNED: Final = "SELECT is_planned FROM migration_jobs WHERE id = $1"
WAITING_CHUNKS: Final = """
SELECT number, payload, points FROM migration_job_chunks
WHERE job_id = $1 AND state = 'WAITING' AND number > $2 ORDER BY number LIMIT $3
"""
END_CHUNK: Final = "UPDATE migration_job_chunks SET state = $3 WHERE job_id = $1 AND number = $2"
COUNT_CHUNK: Final = """
UPDATE migration_jobs SET points_done = points_done + $2, failures = $3,
    chunks_done = chunks_done + $4, chunks_failed = chunks_failed + $5
WHERE id = $1
"""
FAILURES: Final = "SELECT failures FROM migration_jobs WHERE id = $1"
END_JOB: Final = """
UPDATE migration_jobs SET state = $3, error = $4, report = $5, ended_at = now(), leased_by = NULL, leased_until = NULL,
    points_per_second = 0, waiting_for = ''
WHERE id = $1 AND leased_by = $2 AND state IN ('PENDING', 'RUNNING', 'PAUSED')
"""
NEXT_ROUND: Final = """
UPDATE migration_jobs SET rounds = rounds + 1, report = $2, is_planned = false, points_done = 0, points_total = 0,
    chunks_done = 0, chunks_total = 0, chunks_failed = 0, failures = '{}'
WHERE id = $1
"""

PAUSE: Final = "UPDATE migration_jobs SET state = 'PAUSED' WHERE id = $1 AND state IN ('PENDING', 'RUNNING')"
RESUME: Final = """
UPDATE migration_jobs SET state = 'PENDING', error = '', ended_at = NULL, report = NULL, chunks_failed = 0
WHERE id = $1 AND state IN ('PAUSED', 'FAILED')
"""
RETRY_CHUNKS: Final = "UPDATE migration_job_chunks SET state = 'WAITING' WHERE job_id = $1 AND state = 'FAILED'"
CANCEL: Final = """
UPDATE migration_jobs SET state = 'CANCELLED', ended_at = now()
WHERE id = $1 AND state IN ('PENDING', 'RUNNING', 'PAUSED')
"""
SET_PACE: Final = """
UPDATE migration_jobs SET pace = $2 WHERE id = $1 AND state IN ('PENDING', 'RUNNING', 'PAUSED', 'FAILED')
"""

#: $7: findings that are known already are about further points; else they are replaced.
ADD_FINDINGS: Final = """
INSERT INTO migration_job_findings AS finding (job_id, code, subject, detail, points, is_informational)
SELECT DISTINCT ON (code, subject) $1, code, subject, detail, points, is_informational
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[])
    AS new (code, subject, detail, points, is_informational)
ORDER BY code, subject
ON CONFLICT (job_id, code, subject) DO UPDATE SET
    detail = CASE WHEN $7 THEN finding.detail ELSE excluded.detail END,
    points = CASE WHEN $7 THEN finding.points ELSE 0 END + excluded.points,
    is_informational = excluded.is_informational
"""
FINDINGS_BY_CODE: Final = """
SELECT code, is_informational, count(*) AS count, sum(points)::bigint AS points,
    (array_agg(subject ORDER BY subject))[1:20] AS subjects
FROM migration_job_findings WHERE job_id = $1 GROUP BY code, is_informational ORDER BY is_informational, code
"""
FINDINGS: Final = """
SELECT code, subject, detail, points, is_informational, waived_by, waived_reason FROM migration_job_findings
WHERE job_id = $1 ORDER BY is_informational OR waived_by IS NOT NULL, code, subject OFFSET $2 LIMIT $3
"""
WAIVE: Final = """
UPDATE migration_job_findings SET waived_by = $4, waived_reason = $5, waived_at = now()
WHERE job_id = $1 AND ($2 = '' OR code = $2) AND ($3 = '' OR subject = $3)
    AND waived_by IS NULL AND NOT is_informational
"""
