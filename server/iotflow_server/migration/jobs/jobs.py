"""Jobs as the edge and the other parts start, watch and steer them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Final

from iotflow_server.migration.jobs.job import Job, JobStateError, RecordedFinding, UnknownJobError
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.kinds import JobKinds
from iotflow_server.migration.jobs.plan import JobPlan
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState

_WATCH_SECONDS: Final = 1.0


class Jobs:
    """All jobs of the deployment. ``epoch`` tells the phase's, ``look`` lets this instance look for work.

    Methods that name a job raise UnknownJobError where there is none, and JobStateError where its state does not
    allow what is asked. All raise StoreUnavailableError where PostgreSQL is away.
    """

    def __init__(self, table: JobTable, kinds: JobKinds, epoch: Callable[[], int], look: Callable[[], None]) -> None:
        self._table = table
        self._kinds = kinds
        self._epoch = epoch
        self._look = look

    async def start(self, spec: JobSpec, pace: JobPace, created_by: str) -> Job:
        """Start a job; it is durable on return.

        :raises JobRefusedError: this instance cannot do its kind, or it makes no sense now.
        """
        self._kinds.check(spec)
        job = await self._table.insert(spec, pace, self._epoch(), created_by)
        self._look()
        return job

    async def plan(self, spec: JobSpec) -> JobPlan:
        """What a job would go over; nothing is started or changed.

        :raises JobRefusedError: it would not be started, or would fail at once.
        """
        return await self._kinds.plan(spec)

    async def get(self, job_id: int) -> Job:
        """A job."""
        job = await self._table.get(job_id)
        if job is None:
            raise UnknownJobError(job_id)
        return job

    async def list_jobs(
        self, kinds: Collection[JobKind], states: Collection[JobState], before: int | None, limit: int
    ) -> list[Job]:
        """Jobs, newest first, of numbers below ``before``; empty kinds or states: all."""
        return await self._table.list_jobs(kinds, states, before, limit)

    async def watch(self, job_id: int) -> AsyncIterator[Job]:
        """Yield a job now and whenever it has changed, until it has ended."""
        shown: Job | None = None
        while shown is None or not shown.state.has_ended:
            job = await self.get(job_id)
            if job != shown:
                yield job
            shown = job
            await asyncio.sleep(0 if job.state.has_ended else _WATCH_SECONDS)

    async def pause(self, job_id: int) -> Job:
        """Pause a job."""
        return await self._changed(job_id, self._table.pause, "paused")

    async def resume(self, job_id: int) -> Job:
        """Let a paused or failed job go on."""
        job = await self._changed(job_id, self._table.resume, "resumed")
        self._look()
        return job

    async def cancel(self, job_id: int) -> Job:
        """End a job."""
        return await self._changed(job_id, self._table.cancel, "cancelled")

    async def set_pace(self, job_id: int, pace: JobPace) -> Job:
        """Change how hard a job may work."""
        return await self._changed(job_id, lambda job_id: self._table.set_pace(job_id, pace), "given another pace")

    async def findings(self, job_id: int, offset: int, limit: int) -> list[RecordedFinding]:
        """What a job found by name, those that hold the phase up first."""
        await self.get(job_id)
        return await self._table.findings(job_id, offset, limit)

    async def waive(self, job_id: int, code: str, subject: str, waived_by: str, reason: str) -> tuple[int, Job]:
        """Waive findings of a code and about a subject (empty: any); return how many, and the job."""
        await self.get(job_id)
        count = await self._table.waive(job_id, code, subject, waived_by, reason)
        return count, await self.get(job_id)

    async def _changed(self, job_id: int, change: Callable[[int], Awaitable[bool]], word: str) -> Job:
        done = await change(job_id)
        job = await self.get(job_id)
        if not done:
            raise JobStateError(f"job {job_id} is {job.state}: it cannot be {word}")
        return job
