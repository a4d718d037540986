"""Finds the first points of many series: a little of each, then more of those that may still come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Rows, Timestamps
from iotflow_server.stores.points import Kinds, Points, Scalar, SeriesKey
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.packed import LongText, unpack_timestamps, unpack_values
from iotflow_server.stores.selection import PointKey, TimeRange

#: Places on the way of a query: timestamps that ascend in its order.
Places = NDArray[np.int64]
_TIMESTAMP_BYTES: Final = 8


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


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Points of one answer: of which series (by its row in the answer), where, and what."""

    rows: Rows
    timestamps: Timestamps
    kinds: Kinds
    values: list[Scalar]


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
        self._numbers: dict[SeriesKey, int] = {}
        self._known: Places = np.empty(0, np.int64)
        self._described: frozenset[int] = frozenset()
        self._points = Points([], np.empty(0, np.intp), np.empty(0, np.int64), np.empty(0, np.int8), [])
        self._order: Rows = np.empty(0, np.intp)

    def take(self, rows: Sequence[Any], share: int, end: int) -> None:
        """Take an answer: a row for each series, of which at most ``share`` points before ``end`` were asked for."""
        numbers = self._numbers_of(rows)
        counts = np.array([0 if row[3] is None else len(row[3]) // _TIMESTAMP_BYTES for row in rows], np.intp)
        part = _unpacked(rows, counts)
        self._know(numbers, counts, part, share, end)
        self._add(numbers, part)

    def narrow(self, time_range: TimeRange) -> None:
        """Take it that no point lies outside a range; before anything was taken."""
        first, end = self._way.bounds(time_range)
        self.first, self.end = max(self.first, first), min(self.end, end)

    def describe(self, device_ids: Sequence[int] | None) -> None:
        """Note which devices have metadata."""
        self._described = frozenset(device_ids or ())

    def hungry(self) -> tuple[list[SeriesKey], Places, int]:
        """The series of which points may be missing, from where on each, and up to where."""
        length = self._length()
        is_full = length == self._limit or length < len(self._order)
        end = int(self._places()[self._order[length - 1]]) + 1 if is_full else self.end
        numbers = np.flatnonzero(self._known < end)
        series = list(self._numbers)
        return [series[number] for number in numbers.tolist()], self._known[numbers], end

    def points(self) -> Points:
        """The page, in order."""
        return self._points.chosen(self._order[: self._length()])

    def _numbers_of(self, rows: Sequence[Any]) -> Rows:
        numbers = [self._numbers.setdefault(SeriesKey(row[0], row[1]), len(self._numbers)) for row in rows]
        new = np.full(len(self._numbers) - len(self._known), self.first, np.int64)
        self._known = np.concatenate([self._known, new])
        return np.array(numbers, np.intp)

    def _know(self, numbers: Rows, counts: Rows, part: _Part, share: int, end: int) -> None:
        known = np.full(len(numbers), end, np.int64)
        places = self._way.places(part.timestamps)
        full = np.flatnonzero(counts >= share)
        ordered = np.argsort(part.rows, kind="stable")
        lasts = ordered[np.cumsum(counts)[full] - 1]
        known[full] = places[lasts] + 1
        self._known[numbers] = np.maximum(self._known[numbers], known)

    def _add(self, numbers: Rows, part: _Part) -> None:
        held = self._points
        self._points = Points(
            list(self._numbers),
            np.concatenate([held.series_of, numbers[part.rows]]),
            np.concatenate([held.timestamps, part.timestamps]),
            np.concatenate([held.kinds, part.kinds]),
            held.values + part.values,
            self._described,
        )
        order = self._points.in_time(descending=self._way.descending)
        self._order = order if self._after is None else order[self._beyond(order, self._after) :]

    def _beyond(self, order: Rows, after: PointKey) -> int:
        """How many points of an order are not beyond a key: at most one of each series, all at its very moment."""
        points = self._points
        at = np.flatnonzero(points.timestamps[order] == after.timestamp)
        key = SeriesKey(after.device_id, after.measurement)
        found = [points.series[series] for series in points.series_of[order[at]].tolist()]
        return sum(one >= key if self._way.descending else one <= key for one in found)

    def _places(self) -> Places:
        return self._way.places(self._points.timestamps)

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


def unpacked(rows: Sequence[Any], described: Sequence[int] | None) -> Points:
    """The points of an answer that has a row for each series, in the order of its rows."""
    counts = np.array([0 if row[3] is None else len(row[3]) // _TIMESTAMP_BYTES for row in rows], np.intp)
    part = _unpacked(rows, counts)
    series = [SeriesKey(row[0], row[1]) for row in rows]
    points = Points(series, part.rows, part.timestamps, part.kinds, part.values, frozenset(described or ()))
    is_in_order = (part.rows[1:] >= part.rows[:-1]).all()
    return points if is_in_order else points.chosen(np.argsort(part.rows, kind="stable"))


def _unpacked(rows: Sequence[Any], counts: Rows) -> _Part:
    """The points of all rows, those of series of one kind together."""
    by_kinds: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        if row[3] is not None:
            by_kinds.setdefault(row[2], []).append(index)
    parts = [_unpacked_alike(rows, indices, counts, kinds) for kinds, indices in by_kinds.items()]
    return _Part(
        np.concatenate([np.empty(0, np.intp), *(part.rows for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.timestamps for part in parts)]),
        np.concatenate([np.empty(0, np.int8), *(part.kinds for part in parts)]),
        [value for part in parts for value in part.values],
    )


def _unpacked_alike(rows: Sequence[Any], indices: list[int], counts: Rows, kinds: int) -> _Part:
    timestamps = unpack_timestamps(b"".join([rows[index][3] for index in indices]))
    found, values = unpack_values(kinds, b"".join([rows[index][4] for index in indices]))
    where = np.array(indices, np.intp)
    return _Part(np.repeat(where, counts[where]), timestamps, found, values.tolist())
