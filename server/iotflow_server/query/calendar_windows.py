"""Windows by the calendar of a time zone."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from iotflow_server.query.windows import Windows, too_many_rows
from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY_US: Final = 86_400_000_000


class CalendarUnit(enum.IntEnum):
    """A unit of the calendar. The numbers are those of CalendarUnit in the protos."""

    DAY = 1
    WEEK = 2
    MONTH = 3
    YEAR = 4

    @property
    def longest_us(self) -> int:
        """Microseconds that none of them lasts longer than, also where clocks change."""
        return (_LONGEST_DAYS[self] + 2) * _DAY_US

    def floor(self, day: date) -> date:
        """The first day of the unit that a day is in."""
        if self is CalendarUnit.WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(
            month=1 if self is CalendarUnit.YEAR else day.month, day=day.day if self is CalendarUnit.DAY else 1
        )

    def after(self, first: date) -> date | None:
        """The first day of the next unit, given that of one; None beyond the year 9999."""
        try:
            # Longer than the unit, but not by a whole one.
            return self.floor(first + timedelta(days=_LONGEST_DAYS[self]))
        except OverflowError:
            return None


_LONGEST_DAYS: Final = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 31, CalendarUnit.YEAR: 366}


@dataclass(frozen=True, slots=True)
class CalendarWindows:
    """Windows of a unit, which begin when their first day does in the zone: at its first moment, where clocks change
    at midnight. A bound outside the years 1 to 9999 is that of those years."""

    unit: CalendarUnit
    zone: ZoneInfo

    @property
    def least_length(self) -> int:
        """Microseconds of a day."""
        return _DAY_US

    def keeps_whole(self, unit: int) -> bool:
        """Whether midnight is that of UTC."""
        return self.zone.key == "UTC"

    def split(self, timestamps: Timestamps) -> Windows:
        """The windows that hold points."""
        starts, found, index = [], [], 0
        while index < len(timestamps):
            window = next(self._from(int(timestamps[index])))
            starts.append(index)
            found.append(window)
            index = int(np.searchsorted(timestamps, window[1]))
        begins, ends = np.array(found, dtype=np.int64).T
        return Windows(np.array(starts, dtype=np.intp), begins, ends)

    def around(self, timestamps: Timestamps) -> tuple[Timestamps, Timestamps]:
        """The windows of timestamps."""
        if not len(timestamps):
            return timestamps, timestamps
        first, last = int(timestamps.min()), int(timestamps.max())
        if last - first > len(timestamps) * self.unit.longest_us:
            return self._around_few(timestamps)
        begins = [begin for begin, _ in takewhile(lambda window: window[0] <= last, self._from(first))]
        ends = np.array([*begins[1:], next(self._from(last))[1]], np.int64)
        window_of = np.searchsorted(begins, timestamps, side="right") - 1
        return np.array(begins, np.int64)[window_of], ends[window_of]

    def _around_few(self, timestamps: Timestamps) -> tuple[Timestamps, Timestamps]:
        """The same where most windows are empty."""
        times, place = np.unique(timestamps, return_inverse=True)
        windows = self.split(times)
        window_of = (np.searchsorted(windows.starts, np.arange(len(times)), side="right") - 1)[place]
        return windows.begins[window_of], windows.ends[window_of]

    def edges(self, time_range: TimeRange, limit: int) -> Timestamps:
        """Where the windows of a range begin."""
        if (time_range.end - time_range.start) // self.unit.longest_us > limit:
            raise too_many_rows(limit)
        begins: list[int] = []
        last = time_range.end
        for begin, end in self._from(time_range.start):
            if len(begins) == limit:
                raise too_many_rows(limit)
            begins.append(begin)
            last = end
            if end >= time_range.end:
                break
        return np.array([*begins, last], dtype=np.int64)

    def _from(self, moment: int) -> Iterator[tuple[int, int]]:
        """The window that holds a moment, and those after it."""
        first: date | None = self.unit.floor(_day_of(moment, self.zone))
        while first is not None:
            following = self.unit.after(first)
            begin, end = self._begin(first), self._begin(following)
            # A day may come to its end, and once more where clocks go back over midnight; or not be there at all.
            if end > max(begin, moment):
                yield begin, end
            first = following

    def _begin(self, first: date | None) -> int:
        if first is None or first == date.min:
            return MAX_TIMESTAMP if first is None else MIN_TIMESTAMP
        midnight = datetime(first.year, first.month, first.day, tzinfo=self.zone)
        return max(MIN_TIMESTAMP, min((midnight - _EPOCH) // _MICROSECOND, MAX_TIMESTAMP))


def _day_of(moment: int, zone: tzinfo) -> date:
    instant = _EPOCH + moment * _MICROSECOND
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()
