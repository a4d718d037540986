"""Options that commands about jobs share: what a job is about, how hard it may work, and where the service is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from iotflow.telemetry._times import timestamp_message
from iotflow.telemetry.cli import times
from iotflow.telemetry.cli.migrate.service import Migrations
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, MAX_ID, Address, Json, Timeout
from iotflow.telemetry.v1.job_pb2 import JobPace, JobScope

Devices: TypeAlias = Annotated[
    list[int] | None, typer.Argument(metavar="[DEVICES]...", min=1, max=MAX_ID, show_default=False)
]
User: TypeAlias = Annotated[int, typer.Option(min=0, max=MAX_ID, help="Devices of this user only.", show_default=False)]
Measurement: TypeAlias = Annotated[
    list[str] | None, typer.Option("--measurement", "-m", help="Only this one; may be repeated.")
]
From: TypeAlias = Annotated[str | None, typer.Option("--from", help="First moment: ISO 8601, or ago, as -7d.")]
To: TypeAlias = Annotated[str | None, typer.Option("--to", help="First moment after the range, in the same way.")]
Workers: TypeAlias = Annotated[
    int, typer.Option(min=0, max=16, help="Chunks worked on at once; 0: as the server is set.")
]
IotdbRate: TypeAlias = Annotated[
    int, typer.Option("--iotdb-rate", min=0, help="Most points a second of IoTDB; 0: no limit.")
]
PostgresRate: TypeAlias = Annotated[
    int, typer.Option("--postgres-rate", min=0, help="Most points a second of PostgreSQL; 0: no limit.")
]
Hours: TypeAlias = Annotated[list[str] | None, typer.Option(help='When it may work: "22:00-06:00"; may be repeated.')]
TimeZone: TypeAlias = Annotated[str, typer.Option(help="Time zone of --hours; UTC by default.")]


@dataclass(frozen=True, kw_only=True)
class ScopeOptions:
    """What a job is about."""

    devices: Devices = None
    user: User = 0
    measurement: Measurement = None
    start: From = None
    end: To = None

    @property
    def message(self) -> JobScope:
        """As the service takes it."""
        scope = JobScope(device_ids=self.devices or (), user_id=self.user, measurements=self.measurement or ())
        start = None if self.start is None else times.moment(self.start, "--from")
        end = None if self.end is None else times.moment(self.end, "--to")
        times.check_order(start, end)
        if start is not None:
            scope.start_time.CopyFrom(timestamp_message(start, "from"))
        if end is not None:
            scope.end_time.CopyFrom(timestamp_message(end, "to"))
        return scope


@dataclass(frozen=True, kw_only=True)
class ReadingPaceOptions:
    """How hard a job may work that does not need PostgreSQL."""

    workers: Workers = 0
    iotdb_rate: IotdbRate = 0
    hours: Hours = None
    time_zone: TimeZone = ""

    @property
    def message(self) -> JobPace:
        """As the service takes it."""
        return JobPace(
            workers=self.workers,
            iotdb_points_per_second=self.iotdb_rate,
            hours=self.hours or (),
            time_zone=self.time_zone,
        )


@dataclass(frozen=True, kw_only=True)
class PaceOptions(ReadingPaceOptions):
    """How hard a job may work."""

    postgres_rate: PostgresRate = 0

    @property
    def message(self) -> JobPace:
        """As the service takes it."""
        pace = super().message
        pace.postgres_points_per_second = self.postgres_rate
        return pace


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """Where the service is, and how its answer is shown."""

    json: Json = False
    timeout: Timeout = None
    address: Address = DEFAULT_ADDRESS

    @property
    def service(self) -> Migrations:
        """The service."""
        return Migrations(self.address, self.timeout)
