"""What people import stays."""

from __future__ import annotations

import inspect

from iotflow import telemetry
from iotflow.telemetry import (
    BlockingGatewayWriter,
    BlockingTelemetryClient,
    BlockingWriteStream,
    GatewayWriter,
    TelemetryClient,
    WriteStream,
)
from iotflow.telemetry._channel import READS
from iotflow.telemetry._enums import _WIRE
from iotflow.telemetry.v1 import access_service_pb2, migration_service_pb2, telemetry_service_pb2

NAMES = [
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


def test_the_public_names_are_these() -> None:
    assert telemetry.__all__ == NAMES
    assert all(hasattr(telemetry, name) for name in NAMES)


def parameters(kind: type) -> dict[str, list[tuple[str, object, object]]]:
    return {
        name: [(each.name, each.kind, each.default) for each in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_the_blocking_twins_take_the_same_arguments() -> None:
    assert parameters(TelemetryClient) == parameters(BlockingTelemetryClient)
    assert parameters(WriteStream) == parameters(BlockingWriteStream)
    assert parameters(GatewayWriter) == parameters(BlockingGatewayWriter)
    assert inspect.signature(GatewayWriter) == inspect.signature(BlockingGatewayWriter)


def test_every_enum_has_the_words_of_its_proto() -> None:
    for kind, (wire, prefix) in _WIRE.items():
        words = {word.name for word in kind} - {"UNKNOWN"}
        assert {prefix + word for word in words} | {prefix + "UNSPECIFIED"} == set(wire.keys())


def test_gRPC_repeats_exactly_the_calls_without_side_effects() -> None:  # noqa: N802
    files = (telemetry_service_pb2, migration_service_pb2, access_service_pb2)
    services = {name: service for file in files for name, service in file.DESCRIPTOR.services_by_name.items()}
    without_side_effects = {
        name: tuple(method.name for method in service.methods if method.GetOptions().idempotency_level == 1)
        for name, service in services.items()
    }
    assert {name: set(methods) for name, methods in without_side_effects.items()} == {
        name: set(methods) for name, methods in READS.items()
    }
