"""``iotflow migrate backfill``, ``verify``, ``repair`` and ``archive``: they start jobs."""

from __future__ import annotations

import enum
import getpass
from typing import Annotated, Any

import typer

from iotflow.telemetry._times import timestamp_message
from iotflow.telemetry.cli import times
from iotflow.telemetry.cli.migrate.following import follow, print_job
from iotflow.telemetry.cli.migrate.service import Migrations, run_here
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import JobPace, JobScope

Devices = Annotated[list[int] | None, typer.Argument(metavar="[DEVICES]...", show_default=False)]
User = Annotated[int, typer.Option(help="Devices of this user only.", show_default=False)]
Measurement = Annotated[list[str] | None, typer.Option("--measurement", "-m", help="Only this one; may be repeated.")]
From = Annotated[str | None, typer.Option("--from", help="First moment: ISO 8601, or ago, as -7d.")]
To = Annotated[str | None, typer.Option("--to", help="First moment after the range.")]
Workers = Annotated[int, typer.Option(min=0, max=16, help="Chunks worked on at once; 0: as the server is set.")]
IotdbRate = Annotated[int, typer.Option("--iotdb-rate", min=0, help="Most points a second of IoTDB; 0: no limit.")]
PostgresRate = Annotated[
    int, typer.Option("--postgres-rate", min=0, help="Most points a second of PostgreSQL; 0: no limit.")
]
Hours = Annotated[list[str] | None, typer.Option(help='When it may work: "22:00-06:00"; may be repeated.')]
TimeZone = Annotated[str, typer.Option(help="Time zone of --hours; UTC by default.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the job to its end; exit code 5 if it does not succeed.")]


class Difference(enum.StrEnum):
    """A kind of difference between the stores."""

    MISSING = "missing"
    MISMATCHED = "mismatched"
    EXTRA = "extra"

    @property
    def number(self) -> Any:
        """Its number in messages."""
        return pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{self.name}")


def backfill(
    devices: Devices = None,
    user: User = 0,
    measurement: Measurement = None,
    start: From = None,
    end: To = None,
    workers: Workers = 0,
    iotdb_rate: IotdbRate = 0,
    postgres_rate: PostgresRate = 0,
    hours: Hours = None,
    time_zone: TimeZone = "",
    wait: Wait = False,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Carry IoTDB's history to PostgreSQL; of all devices, or of DEVICES."""
    request = pb.StartBackfillRequest(
        scope=_scope(devices, user, measurement, start, end),
        pace=pace(workers, iotdb_rate, postgres_rate, hours, time_zone),
        created_by=getpass.getuser(),
    )
    run_here(_start("StartBackfill", request, Migrations(address, timeout), wait=wait, as_json=json))


def verify(
    devices: Devices = None,
    user: User = 0,
    measurement: Measurement = None,
    start: From = None,
    end: To = None,
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share to compare, for a quick look; 0: all.")] = 0.0,
    continuous: Annotated[bool, typer.Option(help="Begin again whenever all is compared.")] = False,
    autocorrect: Annotated[list[Difference] | None, typer.Option(help="Put this right; may be repeated.")] = None,
    workers: Workers = 0,
    iotdb_rate: IotdbRate = 0,
    postgres_rate: PostgresRate = 0,
    hours: Hours = None,
    time_zone: TimeZone = "",
    wait: Wait = False,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Compare both stores, value by value."""
    request = pb.StartVerificationRequest(
        scope=_scope(devices, user, measurement, start, end),
        pace=pace(workers, iotdb_rate, postgres_rate, hours, time_zone),
        created_by=getpass.getuser(),
        sample_share=sample,
        continuous=continuous,
        autocorrect=[each.number for each in autocorrect or ()],
    )
    run_here(_start("StartVerification", request, Migrations(address, timeout), wait=wait, as_json=json))


def repair(
    devices: Devices = None,
    user: User = 0,
    measurement: Measurement = None,
    start: From = None,
    end: To = None,
    kind: Annotated[list[Difference] | None, typer.Option(help="Put only this right; may be repeated.")] = None,
    workers: Workers = 0,
    iotdb_rate: IotdbRate = 0,
    postgres_rate: PostgresRate = 0,
    hours: Hours = None,
    time_zone: TimeZone = "",
    wait: Wait = False,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Make the secondary equal the primary."""
    request = pb.StartRepairRequest(
        scope=_scope(devices, user, measurement, start, end),
        pace=pace(workers, iotdb_rate, postgres_rate, hours, time_zone),
        created_by=getpass.getuser(),
        kinds=[each.number for each in kind or ()],
    )
    run_here(_start("StartRepair", request, Migrations(address, timeout), wait=wait, as_json=json))


def archive(
    folder: Annotated[str, typer.Option(help="Folder of the server's machine that the files go to.")],
    devices: Devices = None,
    user: User = 0,
    measurement: Measurement = None,
    start: From = None,
    end: To = None,
    workers: Workers = 0,
    iotdb_rate: IotdbRate = 0,
    hours: Hours = None,
    time_zone: TimeZone = "",
    wait: Wait = False,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Write IoTDB's history to Parquet files."""
    request = pb.StartArchiveRequest(
        scope=_scope(devices, user, measurement, start, end),
        pace=pace(workers, iotdb_rate, 0, hours, time_zone),
        created_by=getpass.getuser(),
        folder=folder,
    )
    run_here(_start("StartArchive", request, Migrations(address, timeout), wait=wait, as_json=json))


def pace(workers: int, iotdb_rate: int, postgres_rate: int, hours: list[str] | None, time_zone: str) -> JobPace:
    """How hard a job may work."""
    return JobPace(
        workers=workers,
        iotdb_points_per_second=iotdb_rate,
        postgres_points_per_second=postgres_rate,
        hours=hours or (),
        time_zone=time_zone,
    )


def _scope(
    devices: list[int] | None, user: int, measurements: list[str] | None, start: str | None, end: str | None
) -> JobScope:
    scope = JobScope(device_ids=devices or (), user_id=user, measurements=measurements or ())
    if start is not None:
        scope.start_time.CopyFrom(timestamp_message(times.moment(start), "from"))
    if end is not None:
        scope.end_time.CopyFrom(timestamp_message(times.moment(end), "to"))
    return scope


async def _start(method: str, request: Any, service: Migrations, *, wait: bool, as_json: bool) -> None:
    async with service:
        job = (await service.call(method, request)).job
        if wait:
            await follow(service, job.id, as_json=as_json)
        else:
            print_job(job, as_json=as_json)
