"""What `iotflow query` is asked, checked before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import typer

from iotflow.telemetry._enums import Aggregation, CalendarUnit, Fill, Order
from iotflow.telemetry.cli import times


class Format(enum.StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PLOT = "plot"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which points are meant; either devices or a user."""

    device_ids: tuple[int, ...]
    user_id: int
    measurements: tuple[str, ...]
    start: datetime | None
    end: datetime | None

    def __post_init__(self) -> None:
        if bool(self.device_ids) == bool(self.user_id):
            raise typer.BadParameter("name either DEVICES or --user")
        times.check_order(self.start, self.end)

    @property
    def has_range(self) -> bool:
        """Whether the range has a bound."""
        return self.start is not None or self.end is not None

    @property
    def series(self) -> dict[str, Any]:
        """Arguments of the client that name series."""
        return {"device_ids": self.device_ids, "user_id": self.user_id, "measurements": self.measurements}

    @property
    def points(self) -> dict[str, Any]:
        """Arguments of the client that name points."""
        return {**self.series, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Aggregates are asked for instead of points."""

    aggregations: tuple[Aggregation, ...]
    window: timedelta | CalendarUnit | None
    time_zone: str
    percentiles: tuple[float, ...]
    fill: Fill


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest point of each series is asked for."""


@dataclass(frozen=True, slots=True)
class Downsample:
    """So few points of each series are asked for as show its shape."""

    max_points: int


@dataclass(frozen=True, slots=True)
class Points:
    """Points as they are."""


Wanted = Aggregate | Latest | Downsample | Points


@dataclass(frozen=True, slots=True)
class Question:
    """All of it. ``limit`` None: no limit of points, or of windows of each series. ``timeout`` in seconds."""

    choice: Choice
    wanted: Wanted
    order: Order
    limit: int | None
    timeout: float | None


def wanted_of(
    aggregations: Sequence[Aggregation],
    window: str | None,
    time_zone: str,
    percentiles: Sequence[float],
    fill: Fill,
    downsample: int | None,
    *,
    latest: bool,
) -> Wanted:
    """The one thing that is asked for.

    :raises typer.BadParameter: they are several, or an option goes with none of them.
    """
    if latest + (downsample is not None) + bool(aggregations or percentiles) > 1:
        raise typer.BadParameter("give only one of --aggregate, --latest and --downsample")
    if aggregations or percentiles:
        named = tuple(aggregations)
        if percentiles and Aggregation.PERCENTILE not in named:
            named = (*named, Aggregation.PERCENTILE)
        return Aggregate(named, None if window is None else _window(window), time_zone, tuple(percentiles), fill)
    if window is not None or time_zone or fill is not Fill.NONE:
        raise typer.BadParameter("--window, --time-zone and --fill go with --aggregate")
    if latest:
        return Latest()
    return Points() if downsample is None else Downsample(downsample)


def _window(text: str) -> timedelta | CalendarUnit:
    return CalendarUnit(text) if text in list(CalendarUnit) else times.length(text, "--window")
