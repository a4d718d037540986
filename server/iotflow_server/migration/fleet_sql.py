"""The SQL of migration/postgres_fleet.py."""

from __future__ import annotations

from typing import Final

#: What instances listen to; its messages say nothing but that there is something to look at.
CHANNEL: Final = "iotflow_fleet"
TELL: Final = f"SELECT pg_notify('{CHANNEL}', '')"

STATE: Final = """
SELECT phase.epoch, phase.phase, phase.remembers, (SELECT count(*) FROM instances) AS members, moving.*,
    extract(epoch FROM clock_timestamp() - moving.step_at)::float8 AS step_seconds
FROM (SELECT epoch, phase, remembers FROM migration_phase ORDER BY epoch DESC LIMIT 1) AS phase
LEFT JOIN (SELECT * FROM migration_transitions ORDER BY revision DESC LIMIT 1) AS moving ON true
"""
FIRST_PHASE: Final = """
INSERT INTO migration_phase (epoch, phase, changed_at, changed_by, reason, forced)
SELECT 1, $1, now(), 'iotflow-server', 'first start', false WHERE NOT EXISTS (SELECT FROM migration_phase)
"""
HISTORY: Final = """
SELECT epoch, phase, changed_at, changed_by, reason, forced FROM migration_phase ORDER BY epoch DESC LIMIT $1
"""

#: The first epoch since which all that PostgreSQL was not told has been recorded as dirty.
FOLLOWED_SINCE: Final = """
SELECT coalesce(max(epoch), 0) + 1 FROM migration_phase WHERE phase = 'PREPARATION' AND NOT remembers
"""

#: Of a row that was there the inserting transaction is not the last that has changed it.
JOIN: Final = """
INSERT INTO instances AS known (instance_id, name) VALUES ($1, $2)
ON CONFLICT (instance_id) DO UPDATE SET name = $2, started_at = now(), heard_at = now(), stopped = false, alone = false
RETURNING xmax <> 0
"""
#: $9 are stores, and what follows are the figures of each; returns whether the instance is known.
BEAT: Final = """
WITH heard AS (
    UPDATE instances SET heard_at = now(), dirty_iotdb = $2, lag_iotdb = $3,
        dirty_postgres = $4, lag_postgres = $5, epoch = $6, step = $7, alone = $8, stopped = false
    WHERE instance_id = $1 RETURNING instance_id
), told AS (
    INSERT INTO instance_stores AS known
    SELECT heard.instance_id, of_store.*
    FROM heard CROSS JOIN unnest($9::text[], $10::bigint[], $11::bigint[], $12::float8[], $13::float8[], $14::float8[],
        $15::float8[]) AS of_store
    ON CONFLICT (instance_id, store) DO UPDATE SET dirty_points = excluded.dirty_points,
        repaired_points = excluded.repaired_points, points_per_second = excluded.points_per_second,
        reads_per_second = excluded.reads_per_second, write_p95_seconds = excluded.write_p95_seconds,
        read_p95_seconds = excluded.read_p95_seconds
)
SELECT count(*) > 0 FROM heard
"""
CONFIRM: Final = f"""
WITH done AS (
    UPDATE instances SET heard_at = now(), confirmed = $2 WHERE instance_id = $1 AND confirmed < $2 RETURNING 1
)
SELECT pg_notify('{CHANNEL}', '') FROM done
"""
STOP: Final = "UPDATE instances SET stopped = true WHERE instance_id = $1"
LEAVE: Final = "DELETE FROM instances WHERE instance_id = $1"
_INSTANCE: Final = """
SELECT instance_id, name, started_at, confirmed, dirty_iotdb, lag_iotdb, dirty_postgres, lag_postgres, stopped,
    epoch, step, alone,
    ARRAY(SELECT told FROM instance_stores AS told WHERE told.instance_id = instances.instance_id) AS stores,
    extract(epoch FROM clock_timestamp() - heard_at)::float8 AS silent_seconds
FROM instances
"""
INSTANCES: Final = f"{_INSTANCE} ORDER BY name, instance_id"
INSTANCE: Final = f"{_INSTANCE} WHERE instance_id = $1"
UNCONFIRMED: Final = "SELECT count(*) FROM instances WHERE confirmed < $1"

BEGIN: Final = """
INSERT INTO migration_transitions (revision, from_phase, to_phase, step, changed_by, reason, forced)
SELECT coalesce(max(revision), 0) + 1, $1, $2, 'ANNOUNCED', $3, $4, $5 FROM migration_transitions
"""
STEP: Final = """
UPDATE migration_transitions SET step = $2, revision = revision + 1, step_at = now(), finding = $3
WHERE transition_id = $1
"""
#: Returns when the phase that is left began.
FLIP: Final = """
INSERT INTO migration_phase (epoch, phase, changed_at, changed_by, reason, forced, remembers)
VALUES ($1 + 1, $2, now(), $3, $4, $5, $6)
RETURNING (SELECT changed_at FROM migration_phase WHERE epoch = $1)
"""
RELABEL: Final = "UPDATE dirty_ranges SET store = $2, claimed_by = NULL WHERE store = $1"
FORGET: Final = "DELETE FROM dirty_ranges WHERE store = $1"
