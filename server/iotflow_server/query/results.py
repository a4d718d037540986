"""What queries answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from iotflow_server.query.point_list import PointList
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import Scalar
from iotflow_server.stores.store import SeriesInfo

#: A result with its kind; None where there is no value.
Cell = tuple[Kind, Scalar] | None


class Aggregation(enum.IntEnum):
    """What to compute of a series. The numbers are those of Aggregation in the protos."""

    MEAN = 1
    SUM = 2
    COUNT = 3
    MIN = 4
    MAX = 5
    FIRST = 6
    LAST = 7
    MEDIAN = 8
    STDDEV = 9
    RANGE = 11
    RATE = 12

    @property
    def needs_numbers(self) -> bool:
        """Whether only series of numbers have it."""
        return self not in (Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile, 0 to 100."""

    percentile: Fraction
    name: ClassVar[str] = "PERCENTILE"
    needs_numbers: ClassVar[bool] = True


#: What one result of an aggregation is.
Wanted = Aggregation | Percentile


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page of points; ``next_token`` is empty where it is the last."""

    points: PointList
    next_token: str
    served_by: StoreName


@dataclass(frozen=True, slots=True, eq=False)
class LatestPoints:
    """The latest point of each series, ordered by device and measurement."""

    points: PointList
    served_by: StoreName


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """The aggregates of one series in one window [window_start, window_end), in microseconds since 1970.

    The bounds are those of the window itself, also where the range asked for cuts it. A bound is None where
    there is none, and where it lies outside the years 1 to 9999. ``is_filled`` says that the window holds no point.
    """

    device_id: int
    measurement: str
    window_start: int | None
    window_end: int | None
    values: tuple[Cell, ...]
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class SeriesList:
    """Series that hold points, ordered by device and measurement."""

    series: tuple[SeriesInfo, ...]
    served_by: StoreName
