"""``iotflow query``: points, the latest ones, or aggregates, as a table, a file, or a plot."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer

from iotflow.telemetry._client import TelemetryClient
from iotflow.telemetry._enums import Aggregation, Fill, Order
from iotflow.telemetry.cli import times
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, MAX_ID, Address, Json, Timeout
from iotflow.telemetry.cli.plotting import print_plot
from iotflow.telemetry.cli.printing import print_glance, print_rows
from iotflow.telemetry.cli.question import Aggregate, Choice, Downsample, Format, Latest, Points, Question, wanted_of
from iotflow.telemetry.cli.rows import answer
from iotflow.telemetry.cli.running import run

#: Points of a table, where nothing else is asked for.
_TABLE_LIMIT = 100


def query(
    device_ids: Annotated[
        list[int] | None, typer.Argument(metavar="DEVICES", min=1, max=MAX_ID, show_default=False)
    ] = None,
    user: Annotated[
        int, typer.Option(min=0, max=MAX_ID, help="All devices of this user, instead of DEVICES.", show_default=False)
    ] = 0,
    measurement: Annotated[
        list[str] | None, typer.Option("--measurement", "-m", help="Only this one; may be repeated.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First moment: ISO 8601 (UTC without an offset), or ago, as -1h.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="First moment after the range, in the same way.")] = None,
    order: Annotated[Order, typer.Option(help="Order by time.")] = Order.ASCENDING,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Points at most, by time over all series, or windows of each series; 0: all. "
            f"Without it a table has {_TABLE_LIMIT} points, a file all of them, series by series.",
            show_default=False,
        ),
    ] = None,
    aggregate: Annotated[list[Aggregation] | None, typer.Option(help="Instead of points; may be repeated.")] = None,
    window: Annotated[
        str | None, typer.Option(help="Length of a window, as 15m or 1h; or day, week, month, year.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Where days begin, as Europe/Berlin; UTC by default.")] = "",
    percentile: Annotated[list[float] | None, typer.Option(help="0 to 100; may be repeated.")] = None,
    fill: Annotated[Fill, typer.Option(help="What windows without points have.")] = Fill.NONE,
    latest: Annotated[bool, typer.Option("--latest", help="The latest point of each series.")] = False,
    downsample: Annotated[
        int | None,
        typer.Option(min=1, help="So few points of each series that still show its shape.", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file.", dir_okay=False)] = None,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Show telemetry of DEVICES, or of a user's devices."""
    choice = Choice(
        tuple(device_ids or ()), user, tuple(measurement or ()), _bound(start, "--from"), _bound(end, "--to")
    )
    wanted = wanted_of(aggregate or (), window, time_zone, percentile or (), fill, downsample, latest=latest)
    form = Format.JSONL if json else form
    is_short = form is Format.TABLE and limit is None and isinstance(wanted, Points)
    # One more than is shown tells whether there are more.
    question = Question(choice, wanted, order, _TABLE_LIMIT + 1 if is_short else limit or None, timeout)
    _refuse_unless_fit(question, form)
    run(_query(address, question, form, output, is_short=is_short))


async def _query(address: str, question: Question, form: Format, output: Path | None, *, is_short: bool) -> None:
    with _opened(output) as out:
        async with TelemetryClient(address) as client:
            if form is Format.PLOT:
                await print_plot(client, question, out)
            elif is_short:
                await print_glance(await answer(client, question), _TABLE_LIMIT, out)
            else:
                await print_rows(await answer(client, question), form, out)


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
    else:
        with output.open("w", encoding="utf-8") as out:
            yield out


def _bound(text: str | None, option: str) -> datetime | None:
    return None if text is None else times.moment(text, option)


def _refuse_unless_fit(question: Question, form: Format) -> None:
    """Options that do not go together.

    :raises typer.BadParameter: there are some.
    """
    wanted = question.wanted
    if isinstance(wanted, Latest) and question.choice.has_range:
        raise typer.BadParameter("--latest has no range: leave --from and --to out")
    if isinstance(wanted, Latest | Downsample) and question.limit is not None:
        raise typer.BadParameter("--limit goes with points and --aggregate, not with --latest or --downsample")
    if form is not Format.PLOT:
        return
    if isinstance(wanted, Latest):
        raise typer.BadParameter("a plot needs more than the latest points: leave --latest out")
    if isinstance(wanted, Aggregate) and wanted.window is None:
        raise typer.BadParameter("a plot of aggregates needs --window")
    if isinstance(wanted, Points) and question.limit is not None:
        raise typer.BadParameter("a plot shows the whole range: give --from and --to instead of --limit")
