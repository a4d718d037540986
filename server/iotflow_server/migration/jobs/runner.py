"""Takes jobs that nobody works on, and works on them beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_run import JobRun, RunSettings
from iotflow_server.migration.jobs.kinds import JobKinds
from iotflow_server.migration.jobs.leases import Lease, Leases
from iotflow_server.migration.jobs.pacing import Strain
from iotflow_server.stores.errors import StoreError

_log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 15.0


class JobRunner:
    """The jobs of one instance."""

    def __init__(
        self, leases: Leases, kinds: JobKinds, settings: RunSettings, strain: Strain, show: Callable[[Job], None]
    ) -> None:
        self._leases = leases
        self._kinds = kinds
        self._settings = settings
        self._strain = strain
        self._show = show
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._awake = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="jobs")

    async def stop(self) -> None:
        """Drop all work; the jobs go on where they stand, here after the next start or at another instance now."""
        tasks = [task for task in (self._task, *self._runs.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    def look(self) -> None:
        """Look for jobs now."""
        self._awake.set()

    async def _run(self) -> None:
        pause = _LOOK_SECONDS
        while True:
            try:
                while await self._take_one():
                    pass
                pause = _LOOK_SECONDS
            except StoreError as error:
                pause = min(pause * 2, _LONGEST_PAUSE)
                _log.info("jobs wait", action="jobs_wait", error=str(error))
            except Exception:
                pause = _LONGEST_PAUSE
                _log.exception("looking for jobs failed", action="jobs_failed")
            await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        self._awake.clear()

    async def _take_one(self) -> bool:
        if not self._kinds.offered:
            return False
        taken = await self._leases.claim(self._kinds.offered, list(self._runs))
        if taken is None:
            return False
        job, lease = taken
        _log.info("job taken", action="job_taken", job=job.id, kind=str(job.kind), summary=str(job.spec))
        task = self._runs[job.id] = asyncio.create_task(self._work(job, lease), name=f"run of job {job.id}")
        task.add_done_callback(lambda _: self._runs.pop(job.id, None))
        return True

    async def _work(self, job: Job, lease: Lease) -> None:
        try:
            factory = self._kinds.factory(job.kind)
            run = JobRun(job, lease, factory, self._settings, self._strain, self._show)
            await run.run(self._leases.seconds)
        except Exception:
            _log.exception("run of a job failed", action="job_run_failed", job=job.id)
