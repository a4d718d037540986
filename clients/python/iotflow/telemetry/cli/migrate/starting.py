"""``iotflow migrate backfill``, ``verify``, ``repair`` and ``archive``: they start jobs."""

from __future__ import annotations

import enum
import getpass
from typing import Annotated, Any

import typer

from iotflow.telemetry.cli.migrate.groups import grouped
from iotflow.telemetry.cli.migrate.job_options import PaceOptions, ReadingPaceOptions, ScopeOptions, StartOptions
from iotflow.telemetry.v1 import migration_service_pb2 as pb


class Difference(enum.StrEnum):
    """A kind of difference between the stores."""

    MISSING = "missing"
    MISMATCHED = "mismatched"
    EXTRA = "extra"

    @property
    def number(self) -> Any:
        """Its number in messages."""
        return pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{self.name}")


@grouped
def backfill(scope: ScopeOptions, pace: PaceOptions, job: StartOptions) -> None:
    """Carry IoTDB's history to PostgreSQL; of all devices, or of DEVICES."""
    request = pb.StartBackfillRequest(scope=scope.message, pace=pace.message, created_by=getpass.getuser())
    job.start("StartBackfill", request)


@grouped
def verify(
    scope: ScopeOptions,
    pace: PaceOptions,
    job: StartOptions,
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share to compare, for a quick look; 0: all.")] = 0.0,
    continuous: Annotated[bool, typer.Option(help="Begin again whenever all is compared.")] = False,
    autocorrect: Annotated[list[Difference] | None, typer.Option(help="Put this right; may be repeated.")] = None,
) -> None:
    """Compare both stores, value by value."""
    request = pb.StartVerificationRequest(
        scope=scope.message,
        pace=pace.message,
        created_by=getpass.getuser(),
        sample_share=sample,
        continuous=continuous,
        autocorrect=[each.number for each in autocorrect or ()],
    )
    job.start("StartVerification", request)


@grouped
def repair(
    scope: ScopeOptions,
    pace: PaceOptions,
    job: StartOptions,
    kind: Annotated[list[Difference] | None, typer.Option(help="Put only this right; may be repeated.")] = None,
) -> None:
    """Make the secondary equal the primary."""
    request = pb.StartRepairRequest(
        scope=scope.message,
        pace=pace.message,
        created_by=getpass.getuser(),
        kinds=[each.number for each in kind or ()],
    )
    job.start("StartRepair", request)


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
    job.start("StartArchive", request)
