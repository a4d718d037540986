"""Merges the series of one device in order of time, each of them read on from where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from iotflow_server.stores.batch import Timestamps, Values
from iotflow_server.stores.points import Kinds
from iotflow_server.stores.postgres.packed import LongText
from iotflow_server.stores.selection import TimeRange


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRows:
    """Points of one series in the order of a scan. ``values`` are of their kind's dtype, or objects where it varies."""

    name: str
    timestamps: Timestamps
    kinds: Kinds
    values: Values

    def __len__(self) -> int:
        return len(self.timestamps)

    def between(self, start: int, end: int | None) -> SeriesRows:
        """Some of the points, by their places."""
        part = slice(start, end)
        return replace(self, timestamps=self.timestamps[part], kinds=self.kinds[part], values=self.values[part])


class MergedSeries:
    """Rows read but not yet given out. Those of one timestamp are given out together.

    A series is hungry when nothing of it is held and more of it may follow: it has to be fed before
    anything that lies beyond its last row may be given out.
    """

    def __init__(self, names: Sequence[str], limit: int, *, descending: bool) -> None:
        """``limit``: rows that a series is fed with at once."""
        self.limit = limit
        self._sign = -1 if descending else 1
        self._held: dict[str, SeriesRows] = {}
        self._last: dict[str, int | None] = dict.fromkeys(names)
        self._open = set(names)

    @property
    def hungry(self) -> list[str]:
        """The series that have to be fed."""
        return [name for name in self._last if name in self._open and name not in self._held]

    @property
    def is_finished(self) -> bool:
        """Whether everything was given out."""
        return not self._held and not self._open

    def bounds(self, time_range: TimeRange) -> tuple[list[str], list[int], list[int]]:
        """The hungry series, and the half-open range of each that is still to be read."""
        names = self.hungry
        lasts = [self._last[name] for name in names]
        if self._sign > 0:
            starts = [time_range.start if last is None else last + 1 for last in lasts]
            return names, starts, [time_range.end] * len(names)
        return names, [time_range.start] * len(names), [time_range.end if last is None else last for last in lasts]

    def feed(self, fed: Iterable[SeriesRows]) -> None:
        """Take the next rows of every hungry series."""
        self._open -= set(self.hungry)
        for rows in fed:
            if len(rows):
                self._held[rows.name] = rows
                self._last[rows.name] = int(rows.timestamps[-1])
            if len(rows) >= self.limit:
                self._open.add(rows.name)

    def take(self, max_bytes: int) -> list[SeriesRows]:
        """Give out the rows before which nothing more can come.

        Where the texts that were left out of them have more than so many bytes, only the first rows that do.
        """
        # Beyond the last row of an open series more of it may lie, at or after any later timestamp.
        end = min((self._sign * last for name in self._open if (last := self._last[name]) is not None), default=None)
        end = self._end_of_texts(end, max_bytes)
        taken: list[SeriesRows] = []
        for name, held in list(self._held.items()):
            count = len(held) if end is None else int(np.searchsorted(self._sign * held.timestamps, end, side="right"))
            if count == len(held):
                taken.append(self._held.pop(name))
            elif count:
                taken.append(held.between(0, count))
                self._held[name] = held.between(count, None)
        return taken

    def _end_of_texts(self, end: int | None, max_bytes: int) -> int | None:
        texts = sorted(
            (self._sign * int(timestamp), value.size)
            for held in self._held.values()
            if held.values.dtype == object
            for timestamp, value in zip(held.timestamps, held.values, strict=True)
            if isinstance(value, LongText)
        )
        total = 0
        for place, size in texts:
            total += size
            if total > max_bytes:
                return place if end is None else min(end, place)
        return end
