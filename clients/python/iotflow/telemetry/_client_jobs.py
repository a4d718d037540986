"""What TelemetryClient does with jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from iotflow.telemetry import _job_calls
from iotflow.telemetry._asking import Asking
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._enums import DifferenceKind, JobKind, JobState
from iotflow.telemetry._job_findings import JobFindingPage
from iotflow.telemetry._jobs import Job, JobPace, JobPage, JobScope, decode_job
from iotflow.telemetry.v1.migration_service_pb2 import WatchJobRequest


class TelemetryJobs(Asking):
    """The half of TelemetryClient that is about jobs.

    With ``validate_only`` nothing is started: the job that would be is answered with its ``plan``, or refused as it
    would be.
    """

    async def start_backfill(
        self,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Carry history from IoTDB to PostgreSQL, all of it or that of a scope.

        :raises FailedPreconditionError: the phase has no use for it, or such a job is under way.
        """
        return await self._answer(_job_calls.start_backfill(scope, pace, created_by, validate_only), timeout)

    async def start_verification(
        self,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        sample_share: float = 0.0,
        continuous: bool = False,
        autocorrect: Iterable[DifferenceKind | str] = (),
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Compare both stores, value by value.

        ``sample_share`` of the buckets, over 0 to 1, 0 for all. A ``continuous`` one begins again until it is
        cancelled. ``autocorrect`` puts differences of these kinds right in the secondary.
        """
        return await self._answer(
            _job_calls.start_verification(
                scope, pace, created_by, sample_share, continuous, autocorrect, validate_only
            ),
            timeout,
        )

    async def start_repair(
        self,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        kinds: Iterable[DifferenceKind | str] = (),
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Make the secondary equal the primary, in differences of these ``kinds``, none for all."""
        return await self._answer(_job_calls.start_repair(scope, pace, created_by, kinds, validate_only), timeout)

    async def start_archive(
        self,
        folder: str,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Write IoTDB's history to files in a folder of the instance's machine."""
        return await self._answer(_job_calls.start_archive(folder, scope, pace, created_by, validate_only), timeout)

    async def list_jobs(
        self,
        *,
        kinds: Iterable[JobKind | str] = (),
        states: Iterable[JobState | str] = (),
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> JobPage:
        """One page of jobs, newest first; of these kinds and in these states, none for all."""
        return await self._answer(_job_calls.list_jobs(kinds, states, page_size, page_token), timeout)

    async def get_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """A job as it stands now."""
        return await self._answer(_job_calls.get_job(job_id), timeout)

    async def pause_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Let a job finish the chunks under way, and wait."""
        return await self._answer(_job_calls.pause_job(job_id), timeout)

    async def resume_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Let a paused job go on, or a failed one try again what failed."""
        return await self._answer(_job_calls.resume_job(job_id), timeout)

    async def cancel_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """End a job; what it has done stays."""
        return await self._answer(_job_calls.cancel_job(job_id), timeout)

    async def set_job_pace(
        self,
        job_id: int,
        pace: JobPace,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """Change how hard a job may work; what ``pace`` does not set is not limited."""
        return await self._answer(_job_calls.set_job_pace(job_id, pace), timeout)

    async def list_job_findings(
        self,
        job_id: int,
        *,
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> JobFindingPage:
        """One page of what a job could not do or carry."""
        return await self._answer(_job_calls.list_job_findings(job_id, page_size, page_token), timeout)

    async def waive_job_findings(
        self,
        job_id: int,
        *,
        waived_by: str,
        reason: str,
        code: str = "",
        subject: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> int:
        """Accept findings, of one ``code`` or about one ``subject`` where these are given; return how many."""
        return await self._answer(_job_calls.waive_job_findings(job_id, code, subject, waived_by, reason), timeout)

    async def watch_job(self, job_id: int, *, timeout: float | None = None) -> AsyncIterator[Job]:
        """The job as it stands, whenever that has changed, until it has ended or ``timeout`` seconds have passed."""
        async for response in self._responses("WatchJob", WatchJobRequest(job_id=job_id), timeout):
            yield decode_job(response)
