"""``iotflow migrate backfill``, ``verify``, ``repair`` and ``archive``: they start jobs."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from iotflow.telemetry.cli.migrate.changing import CARRIES, COMPARES, WRITES_FILES, Change, Difference
from iotflow.telemetry.cli.migrate.groups import grouped
from iotflow.telemetry.cli.migrate.job_options import PaceOptions, ReadingPaceOptions, ScopeOptions
from iotflow.telemetry.cli.migrate.start_options import ChangingOptions, StartOptions
from iotflow.telemetry.v1 import migration_service_pb2 as pb


@grouped
def backfill(scope: ScopeOptions, pace: PaceOptions, job: StartOptions) -> None:
    """Carry IoTDB's history to PostgreSQL; of all devices, or of DEVICES."""
    request = pb.StartBackfillRequest(scope=scope.message, pace=pace.message, created_by=getpass.getuser())
    job.start("StartBackfill", request, CARRIES)


@grouped
def verify(
    scope: ScopeOptions,
    pace: PaceOptions,
    job: ChangingOptions,
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share to compare, for a quick look; 0: all.")] = 0.0,
    continuous: Annotated[bool, typer.Option(help="Begin again whenever all is compared.")] = False,
    autocorrect: Annotated[list[Difference] | None, typer.Option(help="Put this right; may be repeated.")] = None,
) -> None:
    """Compare both stores, value by value; asks first where --autocorrect overwrites or deletes."""
    request = pb.StartVerificationRequest(
        scope=scope.message,
        pace=pace.message,
        created_by=getpass.getuser(),
        sample_share=sample,
        continuous=continuous,
        autocorrect=[each.number for each in autocorrect or ()],
    )
    job.start("StartVerification", request, Change(kinds=autocorrect) if autocorrect else COMPARES)


@grouped
def repair(
    scope: ScopeOptions,
    pace: PaceOptions,
    job: ChangingOptions,
    kind: Annotated[list[Difference] | None, typer.Option(help="Put only this right; may be repeated.")] = None,
) -> None:
    """Make the secondary equal the primary; asks first where values are overwritten or points deleted."""
    kinds = kind or list(Difference)
    request = pb.StartRepairRequest(
        scope=scope.message,
        pace=pace.message,
        created_by=getpass.getuser(),
        kinds=[each.number for each in kinds],
    )
    job.start("StartRepair", request, Change(kinds=kinds))


@grouped
def archive(
    folder: Annotated[str, typer.Option(help="Folder of the server's machine that the files go to.")],
    scope: ScopeOptions,
    pace: ReadingPaceOptions,
    job: StartOptions,
) -> None:
    """Write IoTDB's history to Parquet files."""
    request = pb.StartArchiveRequest(
        scope=scope.message, pace=pace.message, created_by=getpass.getuser(), folder=folder
    )
    job.start("StartArchive", request, WRITES_FILES)
