"""What a store may keep beside points: figures of their hours, which it does not understand (query/figures.py does)."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Rows, Timestamps
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.selection import Selection

#: Microseconds.
HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR


class Figure(enum.StrEnum):
    """What is kept of an hour. The names are those of columns in PostgreSQL."""

    COUNTS = "counts"
    SUMS = "sums"
    SQUARES = "squares"
    ODDS = "odds"
    LEASTS = "leasts"
    GREATESTS = "greatests"
    FIRSTS = "firsts"
    LASTS = "lasts"


@dataclass(frozen=True, slots=True)
class RolledDay:
    """The packed figures of the hours of one day in UTC, which begins at ``day``, that hold points.

    ``hours`` has a bit for each of them. ODDS are left out where all are 0.0. ``whole`` are those of the whole day.
    """

    day: int
    hours: int
    figures: Mapping[Figure, bytes]
    whole: Mapping[Figure, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class PackedFigures:
    """What :class:`RolledDay` holds of a figure, of many days one after the other; ``lengths`` in bytes, 0 for none."""

    data: bytes
    lengths: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class RolledDays:
    """Days of series of one kind, an entry of each array for each: see :class:`RolledDay`. In any order.

    ``series_of`` is each day's index into ``keys``. Figures of a whole day stand where those of its hour 0 would.
    """

    kind: Kind
    keys: Sequence[SeriesKey]
    series_of: Rows
    days: Timestamps
    hours: NDArray[np.uint32]
    figures: Mapping[Figure, PackedFigures]


@dataclass(frozen=True, slots=True, eq=False)
class AlikeSeries:
    """Series of one measurement and kind (None: several), one of each device."""

    measurement: str
    kind: Kind | None
    device_ids: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Where figures cannot be trusted: parallel arrays of devices (0: all), first moments and ends."""

    device_ids: NDArray[np.int32]
    starts: Timestamps
    stops: Timestamps


@dataclass(frozen=True, slots=True, eq=False)
class RolledSeries:
    """Series that are selected; days of those of numbers; and what to trust of these.

    Figures are those of parts of ``unit`` microseconds, HOUR or DAY. Parts that end no later than ``until`` and that no
    mark touches are as their figures say, empty where they have none. All of it is as of one moment.
    """

    unit: int
    series: Sequence[AlikeSeries]
    days: Sequence[RolledDays]
    until: int
    marks: Marks


class RollupReader(Protocol):
    """Reads figures."""

    async def read(self, selection: Selection, figures: Collection[Figure], unit: int) -> RolledSeries:
        """Return figures of the data series of a selection, in whole days, raising what the store's other methods do.

        They are those of hours where ``unit`` is HOUR, and where it is DAY but not all are there by the day.
        """
