"""Builds a frame of batches that arrive one by one and are mostly small."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind, Rows, Values
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.stream_writer import StreamWriter

#: Sequences shorter than that on average are joined as lists: an array costs more to make than so many items.
_SHORT: Final = 32
_PACKED: Final = (bytes, memoryview)

#: Numbers as arrays hold them, one after the other.
Packed = bytes | memoryview

#: A name, and the kind of its values.
Series = tuple[str, Kind]


class FrameBuilder:
    """Gathers values as they come, and makes arrays of them only at the end: a small batch costs no arrays.

    What it is given may be lists, arrays or packed; it must not change until :meth:`build`.
    """

    def __init__(self) -> None:
        self._device_ids: list[int] = []
        self._starts: list[int] = [0]
        self._timestamps: list[Sequence[int] | Packed] = []
        self._series: dict[Series, _Cells] = {}
        #: Of full batches, by their series.
        self._full: dict[tuple[Series, ...], _Full] = {}
        #: Of batches of one row, by their series: their rows, and the values of each.
        self._single: dict[tuple[Series, ...], tuple[list[int], list[Sequence[Any]]]] = {}
        #: The streams of the batches, those that name their writer.
        self.writers: set[StreamWriter] = set()

    def __len__(self) -> int:
        return len(self._device_ids)

    def begin(self, device_id: int, row_count: int, timestamps: Sequence[int] | Packed) -> None:
        """Begin a batch. ``timestamps`` are microseconds since 1970, unique and ascending."""
        self._device_ids.append(device_id)
        self._timestamps.append(timestamps)
        self._starts.append(self._starts[-1] + row_count)

    def add(self, name: str, kind: Kind, values: Sequence[Any] | Packed, rows: Rows | None = None) -> None:
        """Add a column to the batch begun last. ``rows`` are its rows of the batch, ascending; None: all of them."""
        series = self._series.get((name, kind))
        if series is None:
            series = self._series[name, kind] = _Cells()
        first = self._starts[-2]
        series.firsts.append(first)
        series.counts.append(self._starts[-1] - first if rows is None else len(rows))
        series.values.append(values)
        series.rows.append(rows)

    def add_full(
        self,
        device_id: int,
        row_count: int,
        timestamps: Sequence[int] | Packed,
        series: tuple[Series, ...],
        values: Sequence[Sequence[Any] | Packed],
    ) -> None:
        """Add a batch with the values of some series in every row. Many with the same series cost little."""
        alike = self._full.get(series)
        if alike is None:
            alike = self._full[series] = _Full()
        alike.firsts.append(self._starts[-1])
        alike.counts.append(row_count)
        alike.values.append(values)
        self.begin(device_id, row_count, timestamps)

    def add_row(self, device_id: int, timestamp: int, series: tuple[Series, ...], values: Sequence[Any]) -> None:
        """Add a batch of one row with a value for each of some series. Many with the same series cost little."""
        row = self._starts[-1]
        self._device_ids.append(device_id)
        self._timestamps.append((timestamp,))
        self._starts.append(row + 1)
        alike = self._single.get(series)
        if alike is None:
            self._single[series] = ([row], [values])
        else:
            alike[0].append(row)
            alike[1].append(values)

    def add_batch(self, batch: Batch) -> None:
        """Add a batch that is made already."""
        self.begin(batch.device_id, len(batch.timestamps), batch.timestamps)  # type: ignore[arg-type]  # an array is a sequence to us
        for column in batch.columns:
            self.add(column.name, column.kind, column.values, column.rows)  # type: ignore[arg-type]  # as above

    def build(self) -> Frame:
        """The frame of all batches."""
        self._spread_full()
        self._spread_single()
        starts = np.array(self._starts, np.intp)
        return Frame(
            np.repeat(np.array(self._device_ids, np.int32), starts[1:] - starts[:-1]),
            _joined(self._timestamps, self._starts[-1], np.dtype(np.int64)),
            starts,
            tuple(cells.column(name, kind, self._starts[-1]) for (name, kind), cells in self._series.items()),
            frozenset(self.writers),
        )

    def _spread_full(self) -> None:
        for series, alike in self._full.items():
            for own, column in zip(series, zip(*alike.values, strict=True), strict=True):
                cells = self._series.setdefault(own, _Cells())
                cells.is_mixed = bool(cells.values)
                cells.firsts += alike.firsts
                cells.counts += alike.counts
                cells.values += column
                cells.rows += [None] * len(column)
        self._full.clear()

    def _spread_single(self) -> None:
        for series, (rows, values) in self._single.items():
            # Counted from the batch begun last, as those of any column.
            places = np.array(rows, np.intp) - self._starts[-2]
            for (name, kind), column in zip(series, zip(*values, strict=True), strict=True):
                self.add(name, kind, column, places)
                cells = self._series[name, kind]
                cells.is_mixed = len(cells.values) > 1
        self._single.clear()


class _Full:
    """Batches that are alike: their first rows, their row counts, and the values of all series of each."""

    __slots__ = ("counts", "firsts", "values")

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.counts: list[int] = []
        self.values: list[Sequence[Sequence[Any] | Packed]] = []


class _Cells:
    """The values of one name and kind: for each part its batch's first row, and its rows within the batch.

    The parts stand in the order of their rows, unless they are mixed.
    """

    __slots__ = ("counts", "firsts", "is_mixed", "rows", "values")

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.counts: list[int] = []
        self.values: list[Sequence[Any] | Packed] = []
        self.rows: list[Rows | None] = []
        self.is_mixed = False

    def column(self, name: str, kind: Kind, row_count: int) -> Column:
        total = sum(self.counts)
        values = _joined(self.values, total, kind.dtype)
        is_full = total == row_count
        if not self.is_mixed:
            return Column(name, kind, values, None if is_full else self._rows(total))
        rows = self._rows(total)
        order = np.argsort(rows)
        return Column(name, kind, values[order], None if is_full else rows[order])

    def _rows(self, total: int) -> Rows:
        counts = np.array(self.counts, np.intp)
        ends = np.cumsum(counts)
        rows = np.repeat(np.array(self.firsts, np.intp) - (ends - counts), counts) + np.arange(total)
        for part, own in enumerate(self.rows):
            if own is not None:
                rows[ends[part] - counts[part] : ends[part]] = self.firsts[part] + own
        return rows


def _joined(parts: Sequence[Sequence[Any] | Packed], total: int, dtype: np.dtype[Any]) -> Values:
    if dtype.hasobject:
        return np.fromiter(chain.from_iterable(parts), dtype, total)
    types = set(map(type, parts))
    if types and types.issubset(_PACKED):
        return np.frombuffer(bytearray().join(parts), dtype)  # type: ignore[arg-type]  # all are packed
    if total < _SHORT * len(parts) and types.isdisjoint(_PACKED):
        return np.array(list(chain.from_iterable(parts)), dtype)
    return np.concatenate([_array(part, dtype) for part in parts]) if parts else np.empty(0, dtype)


def _array(part: Sequence[Any] | Packed, dtype: np.dtype[Any]) -> Values:
    return np.frombuffer(part, dtype) if isinstance(part, _PACKED) else np.asarray(part, dtype)
