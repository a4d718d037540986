"""The real service for tests: in this process on real stores, spoken to over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import json_format
from pydantic import SecretStr

from iotflow.telemetry.v1 import access_service_pb2_grpc, migration_service_pb2_grpc, telemetry_service_pb2_grpc
from iotflow.telemetry.v1.migration_service_pb2 import (
    AdvancePhaseRequest,
    GetMigrationRequest,
    Instance,
    Migration,
    RemoveInstanceRequest,
    RollBackPhaseRequest,
)
from iotflow.telemetry.v1.telemetry_service_pb2 import (
    DeleteTelemetryRequest,
    QueryTelemetryRequest,
    QueryTelemetryResponse,
    WriteTelemetryRequest,
    WriteTelemetryResponse,
)
from iotflow_server.app import running
from iotflow_server.config import IotdbSettings, Settings

Values = Mapping[str, Any]


class Caller:
    """Calls a service, with requests as plain JSON."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.telemetry = telemetry_service_pb2_grpc.TelemetryServiceStub(channel)
        self.migration = migration_service_pb2_grpc.MigrationServiceStub(channel)
        self.access = access_service_pb2_grpc.AccessServiceStub(channel)

    async def write(self, *records: Values) -> WriteTelemetryResponse:
        """Write records, each as JSON."""
        request = json_format.ParseDict({"records": list(records)}, WriteTelemetryRequest())
        return await self.telemetry.WriteTelemetry(request, timeout=30)  # type: ignore[misc,no-any-return]

    async def query(self, **request: Any) -> QueryTelemetryResponse:
        """Query a page; the request as JSON fields."""
        parsed = json_format.ParseDict(request, QueryTelemetryRequest())
        return await self.telemetry.QueryTelemetry(parsed, timeout=30)  # type: ignore[misc,no-any-return]

    async def points(self, *device_ids: int) -> dict[tuple[int, str, int], Any]:
        """All points of devices: (device, measurement, milliseconds) -> value."""
        answer = await self.query(filter={"device_ids": list(device_ids)}, page_size=10_000)
        return {
            (p.device_id, p.measurement, p.timestamp.ToMilliseconds()): getattr(p.value, p.value.WhichOneof("kind"))
            for p in answer.points
        }

    async def delete(self, device_id: int, start: int, end: int) -> None:
        """Delete all of a device from one millisecond to another, exclusive."""
        fields = {"device_id": device_id, "start_time": _rfc3339(start), "end_time": _rfc3339(end)}
        request = json_format.ParseDict(fields, DeleteTelemetryRequest())
        await self.telemetry.DeleteTelemetry(request, timeout=30)  # type: ignore[misc]

    async def status(self) -> Migration:
        """Where the migration stands."""
        answer = await self.migration.GetMigration(GetMigrationRequest(), timeout=30)  # type: ignore[misc]
        return answer.migration  # type: ignore[no-any-return]

    async def advance(self, **request: Any) -> Migration:
        """Move to the next phase."""
        parsed = json_format.ParseDict(request, AdvancePhaseRequest())
        answer = await self.migration.AdvancePhase(parsed, timeout=90)  # type: ignore[misc]
        return answer.migration  # type: ignore[no-any-return]

    async def roll_back(self, **request: Any) -> Migration:
        """Move back."""
        parsed = json_format.ParseDict(request, RollBackPhaseRequest())
        answer = await self.migration.RollBackPhase(parsed, timeout=30)  # type: ignore[misc]
        return answer.migration  # type: ignore[no-any-return]

    async def remove_instance(self, instance_id: str) -> list[Instance]:
        """Say that an instance is dead; return those that are left."""
        request = RemoveInstanceRequest(instance_id=instance_id)
        answer = await self.migration.RemoveInstance(request, timeout=30)  # type: ignore[misc]
        return list(answer.instances)


#: Phases wait for no jobs: the repair carries history as well.
UNBIDDEN: Final = {"require_backfill": False, "require_verification": False}
UNBIDDEN_ENVIRONMENT: Final = {f"IOTFLOW_{name.upper()}": "false" for name in UNBIDDEN}


def settings_of(folder: Path, dsn: str, iotdb: IotdbSettings | None = None, **more: Any) -> Settings:
    """Settings of a service on given stores, on free ports. Its phases wait for no jobs unless that is asked for."""
    return Settings(
        listen="127.0.0.1:0",
        metrics_listen="127.0.0.1:0",
        data_dir=folder,
        postgres_dsn=SecretStr(dsn),
        iotdb=iotdb or IotdbSettings(host=None),
        **UNBIDDEN | more,
    )


def environment_of(dsn: str, iotdb: IotdbSettings, **more: str) -> dict[str, str]:
    """The same stores for a service in a process of its own."""
    return {
        "IOTFLOW_POSTGRES_DSN": dsn,
        "IOTDB_HOST": str(iotdb.host),
        "IOTDB_PORT": str(iotdb.port),
        "IOTDB_DATABASE": iotdb.database,
        **more,
    }


@asynccontextmanager
async def service(settings: Settings) -> AsyncIterator[Caller]:
    """Run the service in this process and connect to it."""
    async with (
        running(settings) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Caller(channel)


def record(device_id: int, milliseconds: int, values: Values, **more: Any) -> dict[str, Any]:
    """A record as JSON; values are plain Python values."""
    kinds = {float: "numeric", int: "integer", str: "text", bool: "boolean"}
    return {
        "device_id": device_id,
        "timestamp": _rfc3339(milliseconds),
        "values": {name: {kinds[type(value)]: value} for name, value in values.items()},
        **more,
    }


def unsatisfied(guards: Iterable[Any]) -> list[str]:
    """The names of the guards that do not hold."""
    return [guard.name for guard in guards if not guard.satisfied]


def _rfc3339(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"
