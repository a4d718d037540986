"""What BlockingTelemetryClient does with jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iotflow.telemetry import _job_calls
from iotflow.telemetry._asking import BlockingAsking
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._enums import DifferenceKind, JobKind, JobState
from iotflow.telemetry._job_findings import JobFindingPage
from iotflow.telemetry._jobs import Job, JobPace, JobPage, JobScope, decode_job
from iotflow.telemetry.v1.migration_service_pb2 import WatchJobRequest


class BlockingTelemetryJobs(BlockingAsking):
    """The half of BlockingTelemetryClient that is about jobs."""

    def start_backfill(
        self,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.start_backfill."""
        return self._answer(_job_calls.start_backfill(scope, pace, created_by, validate_only), timeout)

    def start_verification(
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
        """See TelemetryClient.start_verification."""
        return self._answer(
            _job_calls.start_verification(
                scope, pace, created_by, sample_share, continuous, autocorrect, validate_only
            ),
            timeout,
        )

    def start_repair(
        self,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        kinds: Iterable[DifferenceKind | str] = (),
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.start_repair."""
        return self._answer(_job_calls.start_repair(scope, pace, created_by, kinds, validate_only), timeout)

    def start_archive(
        self,
        folder: str,
        scope: JobScope | None = None,
        pace: JobPace | None = None,
        *,
        created_by: str = "",
        validate_only: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.start_archive."""
        return self._answer(_job_calls.start_archive(folder, scope, pace, created_by, validate_only), timeout)

    def list_jobs(
        self,
        *,
        kinds: Iterable[JobKind | str] = (),
        states: Iterable[JobState | str] = (),
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> JobPage:
        """See TelemetryClient.list_jobs."""
        return self._answer(_job_calls.list_jobs(kinds, states, page_size, page_token), timeout)

    def get_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.get_job."""
        return self._answer(_job_calls.get_job(job_id), timeout)

    def pause_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.pause_job."""
        return self._answer(_job_calls.pause_job(job_id), timeout)

    def resume_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.resume_job."""
        return self._answer(_job_calls.resume_job(job_id), timeout)

    def cancel_job(
        self,
        job_id: int,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.cancel_job."""
        return self._answer(_job_calls.cancel_job(job_id), timeout)

    def set_job_pace(
        self,
        job_id: int,
        pace: JobPace,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Job:
        """See TelemetryClient.set_job_pace."""
        return self._answer(_job_calls.set_job_pace(job_id, pace), timeout)

    def list_job_findings(
        self,
        job_id: int,
        *,
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> JobFindingPage:
        """See TelemetryClient.list_job_findings."""
        return self._answer(_job_calls.list_job_findings(job_id, page_size, page_token), timeout)

    def waive_job_findings(
        self,
        job_id: int,
        *,
        waived_by: str,
        reason: str,
        code: str = "",
        subject: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> int:
        """See TelemetryClient.waive_job_findings."""
        return self._answer(_job_calls.waive_job_findings(job_id, code, subject, waived_by, reason), timeout)

    def watch_job(self, job_id: int, *, timeout: float | None = None) -> Iterator[Job]:
        """See TelemetryClient.watch_job."""
        return map(decode_job, self._responses("WatchJob", WatchJobRequest(job_id=job_id), timeout))
