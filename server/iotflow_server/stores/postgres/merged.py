"""Merges the series of one device in order of time, each of them read on from where it stopped."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from iotflow_server.stores.postgres.points import Row
from iotflow_server.stores.selection import TimeRange


class MergedSeries:
    """Rows read but not yet given out. Those of one timestamp are given out together.

    A series is hungry when nothing of it is held and more of it may follow: it has to be fed before
    anything that lies beyond its last row may be given out.
    """

    def __init__(self, names: Sequence[str], limit: int, *, descending: bool) -> None:
        """``limit``: rows that a series is fed with at once."""
        self.limit = limit
        self._sign = -1 if descending else 1
        self._held: dict[str, list[Row]] = {name: [] for name in names}
        self._last: dict[str, int | None] = dict.fromkeys(names)
        self._open = set(names)

    @property
    def hungry(self) -> list[str]:
        """The series that have to be fed."""
        return [name for name, held in self._held.items() if not held and name in self._open]

    def bounds(self, time_range: TimeRange) -> tuple[list[str], list[int], list[int]]:
        """The hungry series, and the half-open range of each that is still to be read."""
        names = self.hungry
        lasts = [self._last[name] for name in names]
        if self._sign > 0:
            starts = [time_range.start if last is None else last + 1 for last in lasts]
            return names, starts, [time_range.end] * len(names)
        return names, [time_range.start] * len(names), [time_range.end if last is None else last for last in lasts]

    def feed(self, rows: Iterable[Row]) -> None:
        """Take the next rows of each hungry series, in order of time within each."""
        fed = self.hungry
        for row in rows:
            self._held[row[2]].append(row)
        for name in fed:
            held = self._held[name]
            if len(held) < self.limit:
                self._open.discard(name)
            if held:
                self._last[name] = held[-1][1]

    def take(self) -> list[Row]:
        """Give out the rows before which nothing more can come."""
        # Beyond the last row of an open series more of it may lie, at or after any later timestamp.
        ends = [self._sign * last for name in self._open if (last := self._last[name]) is not None]
        end = min(ends, default=None)
        taken: list[Row] = []
        for name, held in self._held.items():
            count = len(held) if end is None else bisect_right(held, end, key=self._place)
            taken += held[:count]
            self._held[name] = held[count:]
        return taken

    def _place(self, row: Row) -> int:
        return self._sign * int(row[1])
