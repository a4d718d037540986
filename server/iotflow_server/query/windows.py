"""Windows of time: the whole range, or windows of one length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.errors import QueryTooLargeError
from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

#: First moment and end; None where there is none, or it lies outside the years 1 to 9999.
Bounds = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of one series, ascending: each is [begins[i], ends[i]), and its points begin at ``starts[i]``.

    Every one holds a point.
    """

    starts: NDArray[np.intp]
    begins: Timestamps
    ends: Timestamps

    def __len__(self) -> int:
        return len(self.starts)


class Windowing(Protocol):
    """A way to part time into windows without gaps."""

    @property
    def least_length(self) -> int:
        """Microseconds that hardly a window lasts less than."""

    def keeps_whole(self, unit: int) -> bool:
        """Whether no window but the first and the last begins or ends within an hour, or a day, in UTC."""

    def split(self, timestamps: Timestamps) -> Windows:
        """The windows that hold points, of ascending timestamps (at least one)."""

    def around(self, timestamps: Timestamps) -> tuple[Timestamps, Timestamps]:
        """First moment and end of the window of each of some timestamps, in any order."""

    def edges(self, time_range: TimeRange, limit: int) -> Timestamps:
        """Where each window that overlaps a range begins, and at last where the last one ends.

        :raises QueryTooLargeError: there are more than ``limit`` of them.
        """


@dataclass(frozen=True, slots=True)
class WholeRange:
    """One window, which is the range."""

    time_range: TimeRange

    @property
    def least_length(self) -> int:
        """Microseconds from the start of the range to its end."""
        return self.time_range.end - self.time_range.start

    def keeps_whole(self, unit: int) -> bool:
        """There is no other window."""
        return True

    def split(self, timestamps: Timestamps) -> Windows:
        """The range, whatever the points."""
        begin, end = self.edges(self.time_range, 1)
        return Windows(np.zeros(1, np.intp), np.array([begin]), np.array([end]))

    def around(self, timestamps: Timestamps) -> tuple[Timestamps, Timestamps]:
        """The range, each time."""
        count = len(timestamps)
        return np.full(count, self.time_range.start, np.int64), np.full(count, self.time_range.end, np.int64)

    def edges(self, time_range: TimeRange, limit: int) -> Timestamps:
        """The bounds of the range."""
        return np.array([self.time_range.start, self.time_range.end], np.int64)


@dataclass(frozen=True, slots=True)
class FixedWindows:
    """Windows of ``length`` microseconds (at least 1), one of which begins at ``origin``."""

    length: int
    origin: int = 0

    @property
    def least_length(self) -> int:
        """The length."""
        return self.length

    def keeps_whole(self, unit: int) -> bool:
        """Whether length and origin are multiples of it."""
        return self.length % unit == self.origin % unit == 0

    def split(self, timestamps: Timestamps) -> Windows:
        """The windows that hold points."""
        # Floor division, so windows before the origin begin at a multiple of their length too.
        numbers = (timestamps - self.origin) // self.length
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        begins = numbers[starts] * self.length + self.origin
        return Windows(starts, begins, begins + self.length)

    def around(self, timestamps: Timestamps) -> tuple[Timestamps, Timestamps]:
        """The windows of timestamps."""
        begins = timestamps - (timestamps - self.origin) % self.length
        return begins, begins + self.length

    def edges(self, time_range: TimeRange, limit: int) -> Timestamps:
        """Where the windows of a range begin."""
        first = (time_range.start - self.origin) // self.length
        end = -((self.origin - time_range.end) // self.length)
        if end - first > limit:
            raise too_many_rows(limit)
        return np.arange(first, end + 1, dtype=np.int64) * self.length + self.origin


def bounds_of(begin: int, end: int) -> Bounds:
    """The bounds of a window as answers tell them."""
    return begin if begin > MIN_TIMESTAMP else None, end if end < MAX_TIMESTAMP else None


def too_many_rows(limit: int) -> QueryTooLargeError:
    """An answer has more rows than it may."""
    return QueryTooLargeError(
        f"the answer would have more than {limit} rows (IOTFLOW_MAX_AGGREGATE_ROWS): "
        "ask for a longer window, a narrower range, or fewer devices and measurements"
    )
