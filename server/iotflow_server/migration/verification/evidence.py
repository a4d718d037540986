"""What verifications and shadow reads have to say about moving reads to the other store, and about leaving IoTDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from iotflow_server.migration.jobs.spec import JobScope
from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import datetime_of
from iotflow_server.stores.postgres.pool import PostgresPool

#: $1 hours, $2 the scope that is everything. A continuous job has no end: its last round counts from its report on.
_FOUND: Final = """
WITH compared AS (
    SELECT id, kind, started_at, ended_at, (report ->> 'open')::bigint AS open,
        report ->> 'scope' = $2 AND (report ->> 'sample_share')::double precision = 1 AS is_whole
    FROM migration_jobs WHERE kind IN ('VERIFICATION', 'REPAIR') AND report IS NOT NULL AND chunks_failed = 0
), clean AS (
    SELECT max(started_at) AS since FROM compared WHERE kind = 'VERIFICATION' AND is_whole AND open = 0
        AND coalesce(ended_at, now()) > now() - $1 * interval '1 hour'
), mismatches AS (
    SELECT count(*) AS count, max(found_at) AS last FROM shadow_mismatches
    WHERE found_at > greatest(now() - $1 * interval '1 hour', (SELECT since FROM clean))
)
SELECT latest.id, latest.open, clean.since, mismatches.count, mismatches.last
FROM clean CROSS JOIN mismatches LEFT JOIN (SELECT id, open FROM compared ORDER BY id DESC LIMIT 1) AS latest ON true
"""
_REPAIR: Final = "StartVerification with autocorrect, or StartRepair, then StartVerification of everything"


class ComparisonEvidence:
    """Implements migration.evidence.Evidence. What is older than ``hours`` does not count; with ``is_required`` there
    has to be a verification of everything before PostgreSQL is read. The way back is to be had at once."""

    def __init__(self, pool: PostgresPool, hours: float, *, is_required: bool) -> None:
        self._pool = pool
        self._hours = hours
        self._is_required = is_required

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        """Guards where reads move to the other store, and where PostgreSQL is left alone with what it has."""
        moves, reads_postgres = current.primary is not target.primary, target.reads_from(StoreName.POSTGRES)
        if not moves and not (reads_postgres and target.secondary is None):
            return ()
        row = await self._row()
        found = (_differences(row), _shadow_reads(row, self._hours))
        if self._is_required and moves and reads_postgres:
            return (*found, _verified(row, self._hours))
        return found

    async def mismatches(self) -> int:
        """Reads that both stores answered differently, as far as they hold a transition up."""
        return int((await self._row())["count"])

    async def _row(self) -> Any:
        async with self._pool.connection() as connection:
            return await connection.fetchrow(_FOUND, self._hours, str(JobScope()))


def _differences(row: Any) -> Guard:
    job_id, count = row["id"], row["open"] or 0
    finding = "nothing was verified yet" if job_id is None else f"{count} points differed at the end of job {job_id}"
    return Guard("no_known_differences", count == 0, finding, _REPAIR)


def _shadow_reads(row: Any, hours: float) -> Guard:
    count = row["count"]
    last = f", the last one at {datetime_of(row['last']):%Y-%m-%d %H:%M:%S} UTC" if count else ""
    finding = f"{count} reads were answered differently within {hours:g} h{last}"
    remedy = f"iotflow migrate mismatches (ListShadowMismatches) shows them; {_REPAIR}"
    return Guard("no_shadow_mismatches", count == 0, finding, remedy)


def _verified(row: Any, hours: float) -> Guard:
    since = row["since"]
    known = "none" if since is None else f"one that began at {datetime_of(since):%Y-%m-%d %H:%M:%S} UTC"
    finding = f"verifications of everything without differences within {hours:g} h: {known}"
    return Guard("verified", since is not None, finding, "StartVerification of everything")
