"""Jobs: long works on the fleet, such as the backfill."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from iotflow.telemetry._enums import JobKind, JobState, word_of
from iotflow.telemetry._errors import invalid
from iotflow.telemetry._filters import bounds, devices, names
from iotflow.telemetry._job_findings import JobPlan, plan_of
from iotflow.telemetry._records import int32, text
from iotflow.telemetry._times import Moment, moment_of
from iotflow.telemetry.v1 import job_pb2 as pb
from iotflow.telemetry.v1.migration_service_pb2 import ListJobsResponse


@dataclass(frozen=True, slots=True)
class JobScope:
    """What of the fleet a job is about: all that is given must hold. ``end`` is exclusive."""

    device_ids: tuple[int, ...] = ()
    user_id: int = 0
    measurements: tuple[str, ...] = ()
    start: Moment | None = None
    end: Moment | None = None


@dataclass(frozen=True, slots=True)
class JobPace:
    """How hard a job may work: chunks at once, points a second of each store, times of the day as "22:00-06:00".

    0 and () set no limit of their own.
    """

    workers: int = 0
    iotdb_points_per_second: int = 0
    postgres_points_per_second: int = 0
    hours: tuple[str, ...] = ()
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Failures or differences of one code: how many, and the first five in words."""

    code: str
    count: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job has come. ``seconds_left`` is None where it is not known; ``waiting_for`` says why it rests."""

    points_done: int
    points_total: int
    chunks_done: int
    chunks_total: int
    chunks_failed: int
    points_per_second: float
    seconds_left: float | None
    waiting_for: str
    failures: tuple[JobFailure, ...]
    open_findings: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Job:
    """A long work. ``report`` is what it found, empty until it ends; times are None until they come.

    One that is only rehearsed has a ``plan``, the id 0 and the state UNKNOWN.
    """

    id: int
    kind: JobKind
    state: JobState
    summary: str
    scope: JobScope
    pace: JobPace
    progress: JobProgress
    created_by: str
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    instance: str
    error: str
    epoch: int
    report: Mapping[str, Any] = field(default_factory=dict)
    plan: JobPlan | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has succeeded, failed or been cancelled."""
        return self.state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, newest first, and the token of the next page, empty where this is the last."""

    jobs: tuple[Job, ...]
    next_page_token: str


def encode_start(scope: JobScope | None, pace: JobPace | None, created_by: str, validate_only: bool) -> dict[str, Any]:
    """The fields that all requests for a job share."""
    return {
        "scope": None if scope is None else _scope_message(scope),
        "pace": None if pace is None else encode_pace(pace),
        "created_by": text(created_by, "created_by"),
        "validate_only": validate_only,
    }


def encode_pace(pace: JobPace) -> pb.JobPace:
    """The message of a pace."""
    if isinstance(pace.hours, str):
        raise invalid("pace.hours", f'{pace.hours!r} is a str: give a list of times as "22:00-06:00"')
    return pb.JobPace(
        workers=int32(pace.workers, "pace.workers"),
        iotdb_points_per_second=pace.iotdb_points_per_second,
        postgres_points_per_second=pace.postgres_points_per_second,
        hours=pace.hours,
        time_zone=pace.time_zone,
    )


def decode_job(response: Any) -> Job:
    """The job of a response that has one."""
    return job_of(response.job)


def decode_start(response: Any) -> Job:
    """The job of a response that has a plan too, if the job is only rehearsed."""
    plan = plan_of(response.plan) if response.HasField("plan") else None
    return replace(job_of(response.job), plan=plan)


def decode_jobs(response: ListJobsResponse) -> JobPage:
    """A page of jobs."""
    return JobPage(tuple(map(job_of, response.jobs)), response.next_page_token)


def job_of(message: pb.Job) -> Job:
    """A job."""
    return Job(
        id=message.id,
        kind=word_of(JobKind, message.kind),
        state=word_of(JobState, message.state),
        summary=message.summary,
        scope=_scope(message.scope),
        pace=_pace(message.pace),
        progress=_progress(message.progress),
        created_by=message.created_by,
        created_at=_moment(message, "created_at"),
        started_at=_moment(message, "started_at"),
        ended_at=_moment(message, "ended_at"),
        instance=message.instance,
        error=message.error,
        epoch=message.epoch,
        report=json.loads(message.report or "{}"),
    )


def _progress(message: pb.JobProgress) -> JobProgress:
    return JobProgress(
        points_done=message.points_done,
        points_total=message.points_total,
        chunks_done=message.chunks_done,
        chunks_total=message.chunks_total,
        chunks_failed=message.chunks_failed,
        points_per_second=message.points_per_second,
        seconds_left=message.seconds_left if message.HasField("seconds_left") else None,
        waiting_for=message.waiting_for,
        failures=tuple(JobFailure(one.code, one.count, tuple(one.samples)) for one in message.failures),
        open_findings=message.open_findings,
        rounds=message.rounds,
    )


def _scope_message(scope: JobScope) -> pb.JobScope:
    return pb.JobScope(
        **devices(scope.device_ids, scope.user_id),
        measurements=names(scope.measurements),
        **bounds(scope.start, scope.end),
    )


def _scope(message: pb.JobScope) -> JobScope:
    return JobScope(
        tuple(message.device_ids),
        message.user_id,
        tuple(message.measurements),
        _moment(message, "start_time"),
        _moment(message, "end_time"),
    )


def _pace(message: pb.JobPace) -> JobPace:
    return JobPace(
        message.workers,
        message.iotdb_points_per_second,
        message.postgres_points_per_second,
        tuple(message.hours),
        message.time_zone,
    )


def _moment(message: pb.Job | pb.JobScope, name: Any) -> datetime | None:
    return moment_of(getattr(message, name)) if message.HasField(name) else None
