"""The settings of channels, and the methods that a channel offers."""

from __future__ import annotations

import json
from typing import Any, Final

import grpc

from iotflow.telemetry.v1.access_service_pb2_grpc import AccessServiceStub
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceStub
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub

#: How long a call may take where it is not told, in seconds.
DEFAULT_TIMEOUT: Final = 30.0
#: The largest answer that is taken, in bytes; the server's blocks are far smaller.
DEFAULT_MAX_MESSAGE_BYTES: Final = 64 << 20

#: Calls without side effects, by service.
READS: Final = {
    "TelemetryService": (
        "QueryTelemetry",
        "QueryTelemetryStream",
        "AggregateTelemetry",
        "GetLatestTelemetry",
        "ListSeries",
    ),
    "MigrationService": (
        "GetMigration",
        "ListInstances",
        "ListJobs",
        "GetJob",
        "ListJobFindings",
        "GetVerificationReport",
        "ListShadowMismatches",
        "ReplayShadowMismatch",
    ),
    "AccessService": ("ListDevices",),
}

_RETRY_POLICY: Final = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def channel_options(max_message_bytes: int) -> list[tuple[str, Any]]:
    """Options of a channel: a dead connection is noticed within 40 s, reads are repeated, answers are bounded."""
    return [
        ("grpc.service_config", json.dumps(_service_config())),
        ("grpc.enable_retries", 1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # A gateway wants its service back soon after a restart.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", max_message_bytes),
        # The server answers what is too large with its limit.
        ("grpc.max_send_message_length", -1),
    ]


def methods_of(channel: grpc.Channel | grpc.aio.Channel) -> dict[str, Any]:
    """The methods of all services, by name."""
    stubs = (TelemetryServiceStub(channel), MigrationServiceStub(channel), AccessServiceStub(channel))
    return {name: method for stub in stubs for name, method in vars(stub).items()}


def _service_config() -> dict[str, Any]:
    names = [
        {"service": f"iotflow.telemetry.v1.{service}", "method": method}
        for service, methods in READS.items()
        for method in methods
    ]
    return {"methodConfig": [{"name": names, "retryPolicy": _RETRY_POLICY}]}
