"""The calls about jobs; see ``_calls``."""

from __future__ import annotations

from collections.abc import Iterable

from iotflow.telemetry._calls import Call
from iotflow.telemetry._enums import DifferenceKind, JobKind, JobState, numbers_of
from iotflow.telemetry._job_findings import JobFindingPage, decode_findings
from iotflow.telemetry._jobs import (
    Job,
    JobPace,
    JobPage,
    JobScope,
    decode_job,
    decode_jobs,
    decode_start,
    encode_pace,
    encode_start,
)
from iotflow.telemetry._records import int32, text
from iotflow.telemetry.v1 import migration_service_pb2 as pb


def start_backfill(scope: JobScope | None, pace: JobPace | None, created_by: str, validate_only: bool) -> Call[Job]:
    """Carry history."""
    request = pb.StartBackfillRequest(**encode_start(scope, pace, created_by, validate_only))
    return Call("StartBackfill", request, decode_start)


def start_verification(
    scope: JobScope | None,
    pace: JobPace | None,
    created_by: str,
    sample_share: float,
    continuous: bool,
    autocorrect: Iterable[DifferenceKind | str],
    validate_only: bool,
) -> Call[Job]:
    """Compare both stores."""
    request = pb.StartVerificationRequest(
        **encode_start(scope, pace, created_by, validate_only),
        sample_share=sample_share,
        continuous=continuous,
        autocorrect=numbers_of(DifferenceKind, autocorrect, "autocorrect"),
    )
    return Call("StartVerification", request, decode_start)


def start_repair(
    scope: JobScope | None,
    pace: JobPace | None,
    created_by: str,
    kinds: Iterable[DifferenceKind | str],
    validate_only: bool,
) -> Call[Job]:
    """Make the secondary equal the primary."""
    fields = encode_start(scope, pace, created_by, validate_only)
    request = pb.StartRepairRequest(**fields, kinds=numbers_of(DifferenceKind, kinds, "kinds"))
    return Call("StartRepair", request, decode_start)


def start_archive(
    folder: str, scope: JobScope | None, pace: JobPace | None, created_by: str, validate_only: bool
) -> Call[Job]:
    """Write history to files."""
    fields = encode_start(scope, pace, created_by, validate_only)
    request = pb.StartArchiveRequest(**fields, folder=text(folder, "folder"))
    return Call("StartArchive", request, decode_start)


def list_jobs(
    kinds: Iterable[JobKind | str], states: Iterable[JobState | str], page_size: int, page_token: str
) -> Call[JobPage]:
    """One page of jobs."""
    request = pb.ListJobsRequest(
        kinds=numbers_of(JobKind, kinds, "kinds"),
        states=numbers_of(JobState, states, "states"),
        page_size=int32(page_size, "page_size"),
        page_token=page_token,
    )
    return Call("ListJobs", request, decode_jobs)


def get_job(job_id: int) -> Call[Job]:
    """A job."""
    return Call("GetJob", pb.GetJobRequest(job_id=job_id), decode_job)


def pause_job(job_id: int) -> Call[Job]:
    """Let a job wait."""
    return Call("PauseJob", pb.PauseJobRequest(job_id=job_id), decode_job)


def resume_job(job_id: int) -> Call[Job]:
    """Let a job go on."""
    return Call("ResumeJob", pb.ResumeJobRequest(job_id=job_id), decode_job)


def cancel_job(job_id: int) -> Call[Job]:
    """End a job."""
    return Call("CancelJob", pb.CancelJobRequest(job_id=job_id), decode_job)


def set_job_pace(job_id: int, pace: JobPace) -> Call[Job]:
    """Let a job work harder or less hard."""
    return Call("SetJobPace", pb.SetJobPaceRequest(job_id=job_id, pace=encode_pace(pace)), decode_job)


def list_job_findings(job_id: int, page_size: int, page_token: str) -> Call[JobFindingPage]:
    """One page of findings."""
    request = pb.ListJobFindingsRequest(job_id=job_id, page_size=int32(page_size, "page_size"), page_token=page_token)
    return Call("ListJobFindings", request, decode_findings)


def waive_job_findings(job_id: int, code: str, subject: str, waived_by: str, reason: str) -> Call[int]:
    """Accept what a job could not do."""
    request = pb.WaiveJobFindingsRequest(
        job_id=job_id,
        code=text(code, "code"),
        subject=text(subject, "subject"),
        waived_by=text(waived_by, "waived_by"),
        reason=text(reason, "reason"),
    )
    return Call("WaiveJobFindings", request, lambda response: int(response.waived))
