"""Draws series in the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, TextIO

import numpy as np
import typer
from plotille import Figure

from iotflow.telemetry._aggregates import Aggregates
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._client import TelemetryClient
from iotflow.telemetry._enums import Kind
from iotflow.telemetry._series import SeriesSet
from iotflow.telemetry.cli.question import Aggregate, Downsample, Question
from iotflow.telemetry.cli.rows import aggregates

#: Beside the drawing stand the numbers of the axis, above and below it its legend.
_MARGIN: Final = 16
_MAX_HEIGHT: Final = 24
_LEGEND: Final = 10
#: A character has two dots beside each other; a bucket of each gives two points.
_POINTS_OF_A_COLUMN: Final = 4
#: Kinds of series that can be drawn.
_DRAWN: Final = (Kind.INTEGER, Kind.NUMERIC)
_KEYS: Final = ("device_id", "measurement", "window_start", "window_end", "filled")

#: A name, moments (datetime64[us], shape (n,)), and numbers, shape (n,).
Line = tuple[str, Any, Any]


async def print_plot(client: TelemetryClient, question: Question, out: TextIO) -> None:
    """Ask for as many points as can be seen, and draw them."""
    columns, rows = shutil.get_terminal_size()
    numbers = await _of_numbers(client, question)
    if numbers is None:
        lines = []
    elif isinstance(question.wanted, Aggregate):
        lines = list(_of_aggregates(await aggregates(client, numbers, question.wanted)))
    else:
        lines = list(_of_series(await _reduced(client, numbers, columns * _POINTS_OF_A_COLUMN)))
    drawn = _drawn(lines, columns - _MARGIN, rows - _LEGEND, with_colors=out.isatty()) if lines else "no points"
    out.write(f"{drawn}\n")


async def _of_numbers(client: TelemetryClient, question: Question) -> Question | None:
    """The question about numbers alone where it names no measurements, None where there are none; says what is left
    out."""
    choice = question.choice
    if choice.measurements:
        return question
    found = await client.list_series(
        device_ids=choice.device_ids, user_id=choice.user_id, timeout=question.timeout or DEFAULT_TIMEOUT
    )
    others = {each.measurement: each.kind for each in found.series if each.kind not in _DRAWN}
    names = {each.measurement for each in found.series} - others.keys()
    if others:
        told = ", ".join(f"{name} ({kind})" for name, kind in sorted(others.items()))
        typer.echo(f"iotflow: not drawn, since only numbers are: {told}", err=True)
    return replace(question, choice=replace(choice, measurements=tuple(sorted(names)))) if names else None


async def _reduced(client: TelemetryClient, question: Question, count: int) -> SeriesSet:
    wanted = question.wanted.max_points if isinstance(question.wanted, Downsample) else count
    timeout = question.timeout or DEFAULT_TIMEOUT
    return await client.query_columns(**question.choice.points, downsample_to=wanted, timeout=timeout)


def _of_series(found: SeriesSet) -> Iterator[Line]:
    for data in found:
        yield f"{data.device_id} {data.measurement}", data.timestamps, data.values


def _of_aggregates(found: Aggregates) -> Iterator[Line]:
    table = found.to_numpy()
    keys = list(zip(table["device_id"].tolist(), table["measurement"].tolist(), strict=True))
    for device_id, measurement in dict.fromkeys(keys):
        of_series = np.array([key == (device_id, measurement) for key in keys])
        for name in (name for name in table if name not in _KEYS):
            values = np.ma.filled(table[name][of_series].astype(np.float64), np.nan)
            shown = np.isfinite(values)
            yield f"{device_id} {measurement} {name}", table["window_start"][of_series][shown], values[shown]


def _drawn(lines: list[Line], width: int, height: int, *, with_colors: bool) -> str:
    figure = Figure()
    figure.width, figure.height = max(20, width), max(5, min(_MAX_HEIGHT, height))
    figure.with_colors = with_colors
    figure.x_label, figure.y_label = "UTC", "value"
    for name, moments, values in lines:
        figure.plot(moments.tolist(), values.tolist(), label=name)
    return str(figure.show(legend=True))
