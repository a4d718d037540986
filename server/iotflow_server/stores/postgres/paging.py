"""Finds the first points of many series: a little of each, then more of those that may still come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Rows, Timestamps
from iotflow_server.stores.points import Points, SeriesKey, joined_values
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.packed import LongText
from iotflow_server.stores.postgres.series_block import SeriesBlock
from iotflow_server.stores.selection import PointKey, TimeRange

#: Places on the way of a query: timestamps that ascend in its order.
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Way:
    """The direction of a query. Its places are timestamps, negated where it descends."""

    descending: bool

    def places(self, timestamps: Timestamps) -> Places:
        """Timestamps as places, and back."""
        return -timestamps if self.descending else timestamps

    def bounds(self, time_range: TimeRange) -> tuple[int, int]:
        """A half-open range of time as a half-open range of places."""
        if self.descending:
            return 1 - time_range.end, 1 - time_range.start
        return time_range.start, time_range.end

    def stored(self, first: int, end: int) -> tuple[int, int]:
        """A half-open range of places as a half-open range of PostgreSQL's timestamps."""
        start, stop = (1 - end, 1 - first) if self.descending else (first, end)
        return start - EPOCH_SHIFT, stop - EPOCH_SHIFT


_NO_PLACES: Final[Places] = np.empty(0, np.int64)
_NO_POINTS: Final = SeriesBlock.of([]).points(None)
_NO_ROWS: Final[Rows] = np.empty(0, np.intp)


class PageDraft:
    """The points that a page may hold, as far as they are known, and of each series how far that is."""

    def __init__(self, way: Way, time_range: TimeRange, limit: int, max_bytes: int, after: PointKey | None) -> None:
        """``limit`` points or ``max_bytes`` of text, and the point that exceeds them, are a full page."""
        self._way = way
        self._limit = limit
        self._max_bytes = max_bytes
        self._after = after
        self.first, self.end = way.bounds(time_range)
        if after is not None:
            self.first = max(self.first, -after.timestamp if way.descending else after.timestamp)
        self._known: Places = _NO_PLACES
        self._is_complete = False
        self._points = _NO_POINTS
        self._order: Rows = _NO_ROWS

    def begin(self, block: SeriesBlock, share: int, end: int, described: Sequence[int] | None) -> None:
        """Take the first answer, which has all series: at most ``share`` points of each before ``end`` were asked for.

        ``described`` are the devices that have metadata.
        """
        self._known = self._known_by(block, share, end)
        self._is_complete = end >= self.end and not np.count_nonzero(block.counts >= share)
        self._hold(block.points(described))

    def take(self, block: SeriesBlock, share: int, end: int) -> None:
        """Take more of some series: at most ``share`` points of each before ``end``."""
        held = self._points
        places = {key: place for place, key in enumerate(held.series)}
        numbers = np.array([places[key] for key in block.series], np.intp)
        self._known[numbers] = np.maximum(self._known[numbers], self._known_by(block, share, end))
        self._hold(
            Points(
                held.series,
                np.concatenate([held.series_of, numbers[block.series_of]]),
                np.concatenate([held.timestamps, block.timestamps]),
                np.concatenate([held.kinds, block.kinds]),
                joined_values([held.values, block.values]),
                held.described,
            )
        )

    def narrow(self, time_range: TimeRange) -> None:
        """Take it that no point lies outside a range; before anything was taken."""
        first, end = self._way.bounds(time_range)
        self.first, self.end = max(self.first, first), min(self.end, end)

    def hungry(self) -> tuple[list[SeriesKey], Places, int]:
        """The series of which points may be missing, from where on each, and up to where."""
        if self._is_complete:
            return [], _NO_PLACES, self.end
        length = self._length()
        is_full = length == self._limit or length < len(self._order)
        end = self._place(self._order[length - 1]) + 1 if is_full else self.end
        numbers = np.flatnonzero(self._known < end)
        series = self._points.series
        return [series[number] for number in numbers.tolist()], self._known[numbers], end

    def points(self) -> Points:
        """The page, in order."""
        return self._points.chosen(self._order[: self._length()])

    def _known_by(self, block: SeriesBlock, share: int, end: int) -> Places:
        """Up to where an answer has all points of each of its series."""
        known = np.full(len(block.series), end, np.int64)
        if len(full := np.flatnonzero(block.counts >= share)):
            lasts = np.cumsum(block.counts)[full] - 1
            known[full] = self._way.places(block.timestamps[lasts]) + 1
        return known

    def _hold(self, points: Points) -> None:
        self._points = points
        order = points.in_time(descending=self._way.descending)
        self._order = order if self._after is None else order[self._beyond(order, self._after) :]

    def _beyond(self, order: Rows, after: PointKey) -> int:
        """How many points of an order are not beyond a key: at most one of each series, all at its very moment."""
        points = self._points
        at = np.flatnonzero(points.timestamps[order] == after.timestamp)
        key = SeriesKey(after.device_id, after.measurement)
        found = [points.series[series] for series in points.series_of[order[at]].tolist()]
        return sum(one >= key if self._way.descending else one <= key for one in found)

    def _place(self, index: int) -> int:
        timestamp = int(self._points.timestamps[index])
        return -timestamp if self._way.descending else timestamp

    def _length(self) -> int:
        order = self._order[: self._limit]
        if not len(self._points.texts):
            return len(order)
        kinds = self._points.kinds[order]
        texts = np.flatnonzero((kinds == Kind.TEXT) | (kinds == Kind.JSON))
        values = self._points.values
        sizes = np.fromiter((_size(values[index]) for index in order[texts].tolist()), np.int64, len(texts))
        exceeding = texts[np.cumsum(sizes) > self._max_bytes]
        # The first point is on the page whatever its size, and the second one tells that there is more.
        return min(max(int(exceeding[0]) + 1, 2), len(order)) if len(exceeding) else len(order)


def _size(text: Any) -> int:
    return text.size if isinstance(text, LongText) else len(text.encode())
