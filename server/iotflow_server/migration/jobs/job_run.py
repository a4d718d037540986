"""One run of a job by this instance: until it ends, is paused or cancelled, or another instance has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, ParamSpec, TypeVar

import structlog

from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.leases import Lease, LeaseLostError, NumberedChunk
from iotflow_server.migration.jobs.meter import Meter
from iotflow_server.migration.jobs.pacing import Pacing, Strain
from iotflow_server.migration.jobs.spec import JobState
from iotflow_server.migration.jobs.work import Chunk, Failure, Finding, JobImpossibleError, Outcome, Work, WorkFactory
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.name import StoreName

_log = structlog.get_logger(__name__)

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")

#: Chunks stored at once while a job is planned.
_PLAN_CHUNKS: Final = 500
#: A round of a continuous job may have nothing to do.
_BETWEEN_ROUNDS: Final = 1.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Workers unless the job says otherwise; tries of a chunk before it has failed."""

    workers: int
    tries: int


class JobRun:
    """Runs one job. ``show`` is told each snapshot of it."""

    def __init__(
        self,
        job: Job,
        lease: Lease,
        factory: WorkFactory,
        settings: RunSettings,
        strain: Strain,
        show: Callable[[Job], None],
    ) -> None:
        self._job = job
        self._lease = lease
        self._settings = settings
        self._show = show
        self._pacing = Pacing(job.pace, strain)
        self._meter = Meter()
        self._is_pausing = False
        self._work: Work = factory(job.spec, self)

    @property
    def job_id(self) -> int:
        """The job's number."""
        return self._job.id

    async def pace(self, store: StoreName, points: int) -> None:
        """Wait until so many points may go to or come from a store."""
        await self._pacing.pace(store, points)

    def waiting(self, reason: str) -> AbstractContextManager[None]:
        """Show, during the block, what is waited for."""
        return self._pacing.waiting(reason)

    async def found(self, *findings: Finding) -> None:
        """Make findings durable."""
        await self._lease.add_findings(findings)

    async def run(self, lease_seconds: float) -> None:
        """Work until there is nothing to do here any more; cancelled, it gives the job back."""
        working = asyncio.create_task(self._all(), name=f"job {self.job_id}")
        watching = asyncio.create_task(self._watch(lease_seconds / 5), name=f"lease of job {self.job_id}")
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, watching):
                task.cancel()
            for outcome in await asyncio.gather(working, watching, return_exceptions=True):
                if isinstance(outcome, Exception):
                    _log.error("run of a job ended", action="job_run_ended", job=self.job_id, exc_info=outcome)
            await self._give_back()
            self._show(replace(self._job, progress=replace(self._job.progress, points_per_second=0.0)))

    async def _give_back(self) -> None:
        try:
            await self._lease.release()
        except StoreError as error:
            _log.warning("lease not released", action="job_lease_kept", job=self.job_id, error=str(error))

    async def _watch(self, seconds: float) -> None:
        """Keep the lease and see what operators have changed; returns when the work is to be dropped at once."""
        while True:
            try:
                job = await self._lease.renew(self._meter.per_second, self._pacing.waiting_for)
            except StoreUnavailableError as error:
                _log.warning("job's lease not renewed", action="job_lease_late", job=self.job_id, error=str(error))
            except LeaseLostError:
                return
            else:
                self._take_note(job)
                if job.state is JobState.CANCELLED:
                    return
            await asyncio.sleep(min(seconds, 1.0))

    def _take_note(self, job: Job) -> None:
        self._is_pausing = job.state is JobState.PAUSED
        if job.pace != self._job.pace:
            self._pacing.change(job.pace)
        self._job = job
        self._show(job)

    async def _all(self) -> None:
        try:
            await self._rounds()
        except LeaseLostError:
            _log.info("job is elsewhere", action="job_lost", job=self.job_id)
        except JobImpossibleError as error:
            await self._end(JobState.FAILED, str(error))
        except Exception as error:
            _log.exception("job failed", action="job_failed", job=self.job_id)
            await self._end(JobState.FAILED, f"{type(error).__name__}: {error}")

    async def _rounds(self) -> None:
        is_over = False
        while not is_over:
            if not await self._patiently(self._lease.is_planned):
                await self._plan()
            is_over = not await self._chunks() or await self._finish()

    async def _finish(self) -> bool:
        """Report; return whether that is all."""
        job = await self._patiently(self._renewed)
        found = await self._patiently(self._lease.findings_by_code)
        report = {**await self._patiently(self._work.finish, _outcome(job)), "findings": found}
        if job.spec.continuous:
            await self._patiently(self._lease.begin_again, report)
            await asyncio.sleep(_BETWEEN_ROUNDS)
            return False
        failed = job.progress.chunks_failed
        state = JobState.FAILED if failed else JobState.SUCCEEDED
        error = f"{failed} of {job.progress.chunks_total} chunks failed" if failed else ""
        await self._patiently(self._lease.end, state, report, error)
        return True

    async def _renewed(self) -> Job:
        return await self._lease.renew(self._meter.per_second, self._pacing.waiting_for)

    async def _plan(self) -> None:
        with self.waiting("its plan"):
            await self._patiently(self._plan_once)

    async def _plan_once(self) -> None:
        await self._lease.begin_plan()
        chunks: list[Chunk] = []
        count = 0
        async for chunk in self._work.plan():
            chunks.append(chunk)
            if len(chunks) == _PLAN_CHUNKS:
                await self._lease.add_chunks(count, chunks)
                count, chunks = count + len(chunks), []
        await self._lease.add_chunks(count, chunks)
        await self._lease.end_plan()

    async def _chunks(self) -> bool:
        """Do all chunks that are left, several at once; False where the job was paused before the last one began."""
        try:
            async with asyncio.TaskGroup() as group:
                return await self._begin_chunks(group)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    async def _begin_chunks(self, group: asyncio.TaskGroup) -> bool:
        under_way: set[asyncio.Task[None]] = set()
        async for chunk in self._lease.waiting_chunks():
            while len(under_way) >= (self._job.pace.workers or self._settings.workers):
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            if self._is_pausing:
                return False
            task = group.create_task(self._one(chunk))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        return True

    async def _one(self, numbered: NumberedChunk) -> None:
        for attempt in range(1, self._settings.tries + 1):
            await self._pacing.wait_for_hours()
            try:
                result = await self._patiently(self._work.run, numbered.chunk)
            except (LeaseLostError, JobImpossibleError):
                raise
            except Exception as error:
                failure = self._failure(numbered, error)
                await asyncio.sleep(attempt * _FIRST_PAUSE)
            else:
                await self._patiently(self._lease.chunk_done, numbered.number, result)
                return self._meter.count(result.points)
        return await self._patiently(self._lease.chunk_failed, numbered.number, failure)

    def _failure(self, numbered: NumberedChunk, error: Exception) -> Failure:
        number, payload = numbered.number, numbered.chunk.payload
        is_known = isinstance(error, StoreError)
        _log.warning(
            "chunk failed", action="job_chunk_failed", job=self.job_id, chunk=number, payload=payload,
            error=str(error), exc_info=None if is_known else error,
        )  # fmt: skip
        code = "STORE_REFUSED" if is_known else "CHUNK_FAILED"
        return Failure(code, 1, (f"chunk {number} ({dict(payload)}): {error}",))

    async def _patiently(
        self, act: Callable[_Parameters, Awaitable[_Result]], *args: _Parameters.args, **more: _Parameters.kwargs
    ) -> _Result:
        """Do something that needs stores, again and again until they are there."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await act(*args, **more)
            except StoreUnavailableError as error:
                with self.waiting(f"the store {error.store}: {error.message}"):
                    await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _end(self, state: JobState, error: str) -> None:
        await self._patiently(self._lease.end, state, None, error)


def _outcome(job: Job) -> Outcome:
    progress = job.progress
    return Outcome(progress.points_done, progress.chunks_total, progress.chunks_failed, progress.failures)
