"""What jobs find by name, and what one would go over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iotflow.telemetry._times import moment_of
from iotflow.telemetry.v1 import job_pb2 as pb
from iotflow.telemetry.v1.migration_service_pb2 import ListJobFindingsResponse


@dataclass(frozen=True, slots=True)
class JobFinding:
    """Something that a job could not do or carry, by name; ``waived_by`` is empty where nobody has waived it."""

    code: str
    subject: str
    detail: str
    points: int
    waived_by: str
    waived_reason: str
    informational: bool


@dataclass(frozen=True, slots=True)
class JobFindingPage:
    """Findings, and the token of the next page, empty where this is the last."""

    findings: tuple[JobFinding, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job would go over, as IoTDB has it; ``start`` and ``end`` (exclusive) are None where there are no points.

    ``points`` are those of ``counted_devices``: fewer than ``devices`` where to count them all takes too long. Of
    ``total_findings`` that are known ahead, ``findings`` are the first.
    """

    devices: int
    series: int
    points: int
    counted_devices: int
    start: datetime | None
    end: datetime | None
    findings: tuple[JobFinding, ...]
    total_findings: int


def decode_findings(response: ListJobFindingsResponse) -> JobFindingPage:
    """A page of findings."""
    return JobFindingPage(tuple(map(_finding, response.findings)), response.next_page_token)


def plan_of(message: pb.JobPlan) -> JobPlan:
    """A plan."""
    return JobPlan(
        message.devices,
        message.series,
        message.points,
        message.counted_devices,
        moment_of(message.start_time) if message.HasField("start_time") else None,
        moment_of(message.end_time) if message.HasField("end_time") else None,
        tuple(map(_finding, message.findings)),
        message.total_findings,
    )


def _finding(message: pb.JobFinding) -> JobFinding:
    return JobFinding(
        message.code,
        message.subject,
        message.detail,
        message.points,
        message.waived_by,
        message.waived_reason,
        message.informational,
    )
