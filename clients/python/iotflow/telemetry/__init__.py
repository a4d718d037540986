"""The client library of the telemetry service: :class:`TelemetryClient` for asyncio, :class:`BlockingTelemetryClient`
for threads; and for gateways on bad links :class:`GatewayWriter` and :class:`BlockingGatewayWriter`."""

from __future__ import annotations

from iotflow.telemetry._aggregates import AggregateRow, Aggregates
from iotflow.telemetry._blocking import BlockingTelemetryClient
from iotflow.telemetry._blocking_gateway import BlockingGatewayWriter
from iotflow.telemetry._blocking_stream import BlockingWriteStream
from iotflow.telemetry._client import TelemetryClient
from iotflow.telemetry._columns import Columns, encode_columns
from iotflow.telemetry._comparisons import ShadowMismatch, ShadowMismatchPage, ShadowReplay, VerificationReport
from iotflow.telemetry._devices import Device, DevicePage
from iotflow.telemetry._enums import (
    Aggregation,
    CalendarUnit,
    DifferenceKind,
    DownsamplingMethod,
    Fill,
    JobKind,
    JobState,
    Kind,
    Order,
    Phase,
    RejectionReason,
    Store,
    TimePrecision,
)
from iotflow.telemetry._errors import (
    AbortedError,
    ClientClosedError,
    DeadlineExceededError,
    FailedPreconditionError,
    FieldViolation,
    InvalidArgumentError,
    OutOfRangeError,
    OverloadedError,
    SpoolError,
    SpoolFullError,
    SpoolLockedError,
    TelemetryError,
    UnavailableError,
)
from iotflow.telemetry._gateway import GatewayWriter
from iotflow.telemetry._gateway_status import GatewayStatus, OnFull, RejectedPoints
from iotflow.telemetry._job_findings import JobFinding, JobFindingPage, JobPlan
from iotflow.telemetry._jobs import Job, JobFailure, JobPace, JobPage, JobProgress, JobScope
from iotflow.telemetry._ledger import Acknowledgement, Sent
from iotflow.telemetry._migration import Guard, Instance, Migration, PhaseChange, StoreStatus, Transition
from iotflow.telemetry._points import LatestPoints, Page, Point, SeriesInfo, SeriesList
from iotflow.telemetry._records import Record, Rejection, WriteResult
from iotflow.telemetry._series import SeriesData, SeriesSet
from iotflow.telemetry._stream import WriteStream
from iotflow.telemetry._values import Json

__all__ = [
    "AbortedError",
    "Acknowledgement",
    "AggregateRow",
    "Aggregates",
    "Aggregation",
    "BlockingGatewayWriter",
    "BlockingTelemetryClient",
    "BlockingWriteStream",
    "CalendarUnit",
    "ClientClosedError",
    "Columns",
    "DeadlineExceededError",
    "Device",
    "DevicePage",
    "DifferenceKind",
    "DownsamplingMethod",
    "FailedPreconditionError",
    "FieldViolation",
    "Fill",
    "GatewayStatus",
    "GatewayWriter",
    "Guard",
    "Instance",
    "InvalidArgumentError",
    "Job",
    "JobFailure",
    "JobFinding",
    "JobFindingPage",
    "JobKind",
    "JobPace",
    "JobPage",
    "JobPlan",
    "JobProgress",
    "JobScope",
    "JobState",
    "Json",
    "Kind",
    "LatestPoints",
    "Migration",
    "OnFull",
    "Order",
    "OutOfRangeError",
    "OverloadedError",
    "Page",
    "Phase",
    "PhaseChange",
    "Point",
    "Record",
    "RejectedPoints",
    "Rejection",
    "RejectionReason",
    "Sent",
    "SeriesData",
    "SeriesInfo",
    "SeriesList",
    "SeriesSet",
    "ShadowMismatch",
    "ShadowMismatchPage",
    "ShadowReplay",
    "SpoolError",
    "SpoolFullError",
    "SpoolLockedError",
    "Store",
    "StoreStatus",
    "TelemetryClient",
    "TelemetryError",
    "TimePrecision",
    "Transition",
    "UnavailableError",
    "VerificationReport",
    "WriteResult",
    "WriteStream",
    "encode_columns",
]
