"""``iotflow migrate report`` and ``mismatches``: what verifications and shadow reads found."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from iotflow.telemetry._times import moment_of
from iotflow.telemetry.cli.migrate.listing import listing
from iotflow.telemetry.cli.migrate.paging import JobId, Limit, Listing
from iotflow.telemetry.cli.migrate.service import Migrations, fields_of, json_text, run_here
from iotflow.telemetry.cli.migrate.words import store_word
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout
from iotflow.telemetry.v1 import migration_service_pb2 as pb


class ReportFormat(enum.StrEnum):
    """How a report is written."""

    HTML = "html"
    JSON = "json"


Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File for the report; printed where none is given.")
]
Form = Annotated[
    ReportFormat | None,
    typer.Option("--format", help="By default that of the file's name; json where it is printed.", show_default=False),
]
Replay = Annotated[bool, typer.Option("--replay", help="Ask both stores again, and show how they answer now.")]


def report(
    job_id: JobId,
    output: Output = None,
    form: Form = None,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """What a verification or repair compared and what differed: a page with pictures, or JSON."""
    run_here(_report(Migrations(address, timeout), job_id, output, form or _form_of(output)))


def mismatches(
    limit: Limit = 20,
    replay: Replay = False,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Reads that both stores answered differently (shadow reads), the newest first."""
    run_here(_mismatches(Migrations(address, timeout), limit, replay=replay, as_json=json))


async def _report(service: Migrations, job_id: int, output: Path | None, form: ReportFormat) -> None:
    async with service:
        found = await service.call("GetVerificationReport", pb.GetVerificationReportRequest(job_id=job_id))
    text = found.html if form is ReportFormat.HTML else found.json
    if output is None:
        typer.echo(text)
    else:
        await asyncio.to_thread(output.write_text, text, encoding="utf-8")
        typer.echo(f"{output}: the report of job {job_id}")


def _form_of(output: Path | None) -> ReportFormat:
    if output is None:
        return ReportFormat.JSON
    try:
        return ReportFormat(output.suffix[1:].lower())
    except ValueError:
        raise typer.BadParameter(f"{output} tells no format: name it .html or .json, or give --format") from None


async def _mismatches(service: Migrations, limit: int, *, replay: bool, as_json: bool) -> None:
    async with service:
        if replay:
            await _replay(service, limit, as_json=as_json)
        else:
            await _MISMATCHES.print(service, pb.ListShadowMismatchesRequest(), limit, as_json=as_json)


async def _replay(service: Migrations, limit: int, *, as_json: bool) -> None:
    replayed: dict[int, pb.ReplayShadowMismatchResponse] = {}
    shown: list[pb.ShadowMismatch] = []
    async for each in service.listed(_MISMATCHES.method, pb.ListShadowMismatchesRequest(), _MISMATCHES.field, limit):
        now = await service.call("ReplayShadowMismatch", pb.ReplayShadowMismatchRequest(id=each.id))
        shown.append(each)
        replayed[each.id] = now
        if as_json:
            typer.echo(json_text({**fields_of(each), "now": {"alike": now.alike, "detail": now.detail}}))
    if not as_json:
        Console().print(_table(shown, replayed) if shown else _MISMATCHES.nothing)


def _table(
    shown: Iterable[pb.ShadowMismatch], replayed: Mapping[int, pb.ReplayShadowMismatchResponse] | None = None
) -> RenderableType:
    names = ("number", "found", "read", "from", "asked", "differed", *(() if replayed is None else ("now",)))
    table = listing(*names, whole=("number",))
    for each in shown:
        found = f"{moment_of(each.found_at):%Y-%m-%d %H:%M:%SZ}"
        cells: list[Any] = [Text(each.question), Text(each.detail)]
        if replayed is not None:
            cells.append(_now(replayed[each.id]))
        table.add_row(str(each.id), found, each.method, store_word(each.read_from), *cells)
    return table


def _now(replayed: pb.ReplayShadowMismatchResponse) -> Text:
    return Text("alike", "green") if replayed.alike else Text(replayed.detail, "red")


_MISMATCHES: Final = Listing("ListShadowMismatches", "mismatches", _table, "no mismatches")
