"""Jobs as operators see and steer them, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from iotflow_server.migration.jobs import job_sql as sql
from iotflow_server.migration.jobs.job import Job, RecordedFinding
from iotflow_server.migration.jobs.job_rows import finding_of, job_of, json_text
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState
from iotflow_server.stores.postgres.pool import PostgresPool, rows_affected, transaction

_NEWEST: Final = 2**63 - 1
_NOTHING: Final = "UPDATE 0"


class JobTable:
    """Starts, lists and changes jobs; every method raises StoreUnavailableError where PostgreSQL is away."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def insert(self, spec: JobSpec, pace: JobPace, epoch: int, created_by: str) -> Job:
        """Make a job durable; an instance will take it."""
        values = (spec.kind, json_text(spec.to_json()), json_text(pace.to_json()), epoch, created_by)
        async with self._pool.connection() as connection:
            return job_of(await connection.fetchrow(sql.INSERT, *values))

    async def get(self, job_id: int) -> Job | None:
        """A job, None where there is none of that number."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql.GET, job_id)
        return None if row is None else job_of(row)

    async def list_jobs(
        self,
        kinds: Collection[JobKind] = (),
        states: Collection[JobState] = (),
        before: int | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """Jobs, newest first, of the kinds and in the states given (none: whatever they are), before a number."""
        below = _NEWEST if before is None else before
        async with self._pool.connection() as connection:
            return [job_of(row) for row in await connection.fetch(sql.LIST, list(kinds), list(states), below, limit)]

    async def pause(self, job_id: int) -> bool:
        """Pause a job; False where its state does not allow it. So in all that follow."""
        return await self._change(sql.PAUSE, job_id)

    async def resume(self, job_id: int) -> bool:
        """Let a paused or failed job go on; chunks that failed are tried again."""
        async with self._pool.connection() as connection, transaction(connection):
            done: str = await connection.execute(sql.RESUME, job_id)
            if done != _NOTHING:
                await connection.execute(sql.RETRY_CHUNKS, job_id)
        return done != _NOTHING

    async def cancel(self, job_id: int) -> bool:
        """End a job."""
        return await self._change(sql.CANCEL, job_id)

    async def set_pace(self, job_id: int, pace: JobPace) -> bool:
        """Change how hard a job may work."""
        return await self._change(sql.SET_PACE, job_id, json_text(pace.to_json()))

    async def findings(self, job_id: int, offset: int, limit: int) -> list[RecordedFinding]:
        """A job's findings, those that hold the phase up first."""
        async with self._pool.connection() as connection:
            return [finding_of(row) for row in await connection.fetch(sql.FINDINGS, job_id, offset, limit)]

    async def waive(self, job_id: int, code: str, subject: str, waived_by: str, reason: str) -> int:
        """Waive findings of a code and about a subject (empty: any); return how many."""
        async with self._pool.connection() as connection:
            return rows_affected(await connection.execute(sql.WAIVE, job_id, code, subject, waived_by, reason))

    async def _change(self, statement: str, *parameters: object) -> bool:
        async with self._pool.connection() as connection:
            return bool(await connection.execute(statement, *parameters) != _NOTHING)
