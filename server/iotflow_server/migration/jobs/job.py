"""A job as everybody sees it: one snapshot for RPCs, log, metrics and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState
from iotflow_server.migration.jobs.work import Failure, Finding


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come. Totals are 0 until it is planned; ``points_per_second`` while it does not work."""

    points_done: int = 0
    points_total: int = 0
    chunks_done: int = 0
    chunks_total: int = 0
    chunks_failed: int = 0
    points_per_second: float = 0.0
    waiting_for: str = ""
    failures: tuple[Failure, ...] = ()
    open_findings: int = 0
    rounds: int = 0

    @property
    def seconds_left(self) -> float | None:
        """What the rest takes at this rate; None where that is not known."""
        left = self.points_total - self.points_done
        return max(left, 0) / self.points_per_second if self.points_total and self.points_per_second else None


@dataclass(frozen=True, slots=True)
class Job:
    """A job. ``instance`` is the one that works on it, empty where none does; ``epoch`` that of the phase in which it
    was asked for."""

    id: int
    spec: JobSpec
    pace: JobPace
    state: JobState
    progress: Progress
    epoch: int
    created_by: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    instance: str = ""
    error: str = ""
    report: Mapping[str, Any] | None = None

    @property
    def kind(self) -> JobKind:
        """What it does."""
        return self.spec.kind


@dataclass(frozen=True, slots=True)
class RecordedFinding:
    """A finding, and who waived it why; empty where nobody did."""

    finding: Finding
    waived_by: str = ""
    waived_reason: str = ""


class JobRefusedError(Exception):
    """Base of the reasons for which a job is not started or changed."""


class UnknownJobError(JobRefusedError):
    """There is no job of that number."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"there is no job {job_id}")


class JobStateError(JobRefusedError):
    """The job's state does not allow what was asked."""


class JobObjectedError(JobRefusedError):
    """The job makes no sense as things stand; the message says why."""


class JobKindUnavailableError(JobRefusedError):
    """This instance cannot do jobs of that kind."""

    def __init__(self, kind: JobKind) -> None:
        super().__init__(f"this server cannot do jobs of kind {kind}: those need IoTDB, of which it has none")
