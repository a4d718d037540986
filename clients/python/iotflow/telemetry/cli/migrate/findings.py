"""``iotflow migrate findings`` and ``waive``: what jobs could not do or carry."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated, Final

import typer

from iotflow.telemetry.cli.migrate.asking import ask
from iotflow.telemetry.cli.migrate.groups import grouped
from iotflow.telemetry.cli.migrate.job_options import CallOptions
from iotflow.telemetry.cli.migrate.job_view import findings_table
from iotflow.telemetry.cli.migrate.moving import By, Yes
from iotflow.telemetry.cli.migrate.paging import JobId, Limit, Listing
from iotflow.telemetry.cli.migrate.service import Migrations, fields_of, json_text, run_here
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout
from iotflow.telemetry.v1 import migration_service_pb2 as pb

_FINDINGS: Final = Listing("ListJobFindings", "findings", findings_table, "no findings")


def findings(
    job_id: JobId, limit: Limit = 100, json: Json = False, timeout: Timeout = None, address: Address = DEFAULT_ADDRESS
) -> None:
    """What a job found by name; those that hold the phase up first."""
    run_here(_findings(Migrations(address, timeout), job_id, limit, as_json=json))


@grouped
def waive(
    job_id: JobId,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept.")],
    call: CallOptions,
    code: Annotated[str, typer.Option(help="Only findings of this code.")] = "",
    subject: Annotated[str, typer.Option(help="Only the finding about this.")] = "",
    by: By = "",
    yes: Yes = False,
) -> None:
    """Say that findings are known and shall hold nothing up; asks first."""
    request = pb.WaiveJobFindingsRequest(
        job_id=job_id, code=code, subject=subject, waived_by=by or getpass.getuser(), reason=reason
    )
    run_here(_waive(call.service, request, yes=yes, as_json=call.json))


async def _findings(service: Migrations, job_id: int, limit: int, *, as_json: bool) -> None:
    async with service:
        await _FINDINGS.print(service, pb.ListJobFindingsRequest(job_id=job_id), limit, as_json=as_json)


async def _waive(service: Migrations, request: pb.WaiveJobFindingsRequest, *, yes: bool, as_json: bool) -> None:
    async with service:
        if not yes and (count := await _open(service, request)):
            ask(
                f"{count:,} findings of job {request.job_id} would hold nothing up any more: what they name is given "
                "up with IoTDB. That cannot be taken back. Waive them?"
            )
        answer = await service.call("WaiveJobFindings", request)
    if as_json:
        typer.echo(json_text({"waived": "0", **fields_of(answer)}))
    else:
        typer.echo(f"{answer.waived} waived, {answer.job.progress.open_findings} still hold the phase up")


async def _open(service: Migrations, request: pb.WaiveJobFindingsRequest) -> int:
    """How many would be waived."""
    count = 0
    listed = pb.ListJobFindingsRequest(job_id=request.job_id)
    async for finding in service.listed(_FINDINGS.method, listed, _FINDINGS.field, sys.maxsize):
        is_meant = request.code in ("", finding.code) and request.subject in ("", finding.subject)
        count += is_meant and not (finding.informational or finding.waived_by)
    return count
