"""Jobs as messages."""

from __future__ import annotations

import json
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from iotflow.telemetry.v1 import job_pb2 as pb
from iotflow_server.api.times import moment_message, timestamp_message
from iotflow_server.migration.jobs.job import Job, Progress, RecordedFinding
from iotflow_server.migration.jobs.plan import JobPlan
from iotflow_server.migration.jobs.spec import JobPace, JobScope, JobSpec
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

#: Findings of a plan that are told one by one.
_MOST_FINDINGS: Final = 100


def job_message(job: Job) -> pb.Job:
    """A job."""
    return pb.Job(
        id=job.id,
        kind=f"JOB_KIND_{job.kind}",
        state=f"JOB_STATE_{job.state}",
        summary=str(job.spec),
        scope=_scope(job.spec.scope),
        pace=_pace(job.pace),
        progress=_progress(job.progress),
        created_by=job.created_by,
        created_at=moment_message(job.created_at),
        started_at=None if job.started_at is None else moment_message(job.started_at),
        ended_at=None if job.ended_at is None else moment_message(job.ended_at),
        instance=job.instance,
        error=job.error,
        report="" if job.report is None else json.dumps(job.report, ensure_ascii=False),
        epoch=job.epoch,
    )


def rehearsed_message(spec: JobSpec, pace: JobPace, created_by: str) -> pb.Job:
    """A job that is not started."""
    return pb.Job(
        kind=f"JOB_KIND_{spec.kind}",
        summary=str(spec),
        scope=_scope(spec.scope),
        pace=_pace(pace),
        created_by=created_by,
    )


def plan_message(plan: JobPlan) -> pb.JobPlan:
    """What a job would go over."""
    return pb.JobPlan(
        devices=plan.devices,
        series=plan.series,
        points=plan.points,
        counted_devices=plan.counted_devices,
        start_time=None if plan.span is None else timestamp_message(plan.span.start),
        end_time=None if plan.span is None else timestamp_message(plan.span.end),
        findings=(finding_message(RecordedFinding(finding)) for finding in plan.findings[:_MOST_FINDINGS]),
        total_findings=len(plan.findings),
    )


def finding_message(recorded: RecordedFinding) -> pb.JobFinding:
    """A finding."""
    finding = recorded.finding
    return pb.JobFinding(
        code=finding.code,
        subject=finding.subject,
        detail=finding.detail,
        points=finding.points,
        waived_by=recorded.waived_by,
        waived_reason=recorded.waived_reason,
        informational=finding.is_informational,
    )


def _scope(scope: JobScope) -> pb.JobScope:
    return pb.JobScope(
        device_ids=scope.devices,
        user_id=scope.user_id,
        measurements=scope.measurements,
        start_time=_bound(scope.time_range.start, MIN_TIMESTAMP),
        end_time=_bound(scope.time_range.end, MAX_TIMESTAMP),
    )


def _bound(moment: int, absent: int) -> Timestamp | None:
    return None if moment == absent else timestamp_message(moment)


def _pace(pace: JobPace) -> pb.JobPace:
    return pb.JobPace(
        workers=pace.workers,
        iotdb_points_per_second=pace.points_per_second.get(StoreName.IOTDB, 0),
        postgres_points_per_second=pace.points_per_second.get(StoreName.POSTGRES, 0),
        hours=pace.hours,
        time_zone=pace.time_zone,
    )


def _progress(progress: Progress) -> pb.JobProgress:
    return pb.JobProgress(
        points_done=progress.points_done,
        points_total=progress.points_total,
        chunks_done=progress.chunks_done,
        chunks_total=progress.chunks_total,
        chunks_failed=progress.chunks_failed,
        points_per_second=progress.points_per_second,
        seconds_left=progress.seconds_left,
        waiting_for=progress.waiting_for,
        failures=(pb.JobFailure(code=each.code, count=each.count, samples=each.samples) for each in progress.failures),
        open_findings=progress.open_findings,
        rounds=progress.rounds,
    )
