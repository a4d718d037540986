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
_VIEWS: Final = {memoryview}


class FrameBuilder:
    """Gathers values as they come, and makes arrays of them only at the end: a small batch costs no arrays.

    Sequences may be lists, arrays, or views of the bytes of a message; they must not change until :meth:`build`.
    """

    def __init__(self) -> None:
        self._device_ids: list[int] = []
        self._starts: list[int] = [0]
        self._timestamps: list[Sequence[int]] = []
        self._series: dict[tuple[str, Kind], _Cells] = {}
        #: The streams of the batches, those that name their writer.
        self.writers: set[StreamWriter] = set()

    def __len__(self) -> int:
        return len(self._device_ids)

    def begin(self, device_id: int, timestamps: Sequence[int]) -> None:
        """Begin a batch. ``timestamps`` are microseconds since 1970, unique and ascending."""
        self._device_ids.append(device_id)
        self._timestamps.append(timestamps)
        self._starts.append(self._starts[-1] + len(timestamps))

    def add(self, name: str, kind: Kind, values: Sequence[Any], rows: Rows | None = None) -> None:
        """Add a column to the batch begun last. ``rows`` are its rows of the batch, ascending; None: all of them."""
        series = self._series.get((name, kind))
        if series is None:
            series = self._series[name, kind] = _Cells()
        series.firsts.append(self._starts[-2])
        series.values.append(values)
        series.rows.append(rows)

    def add_batch(self, batch: Batch) -> None:
        """Add a batch that is made already."""
        self.begin(batch.device_id, batch.timestamps)  # type: ignore[arg-type]  # an array is a sequence to us
        for column in batch.columns:
            self.add(column.name, column.kind, column.values, column.rows)  # type: ignore[arg-type]

    def build(self) -> Frame:
        """The frame of all batches."""
        starts = np.array(self._starts, np.intp)
        return Frame(
            np.repeat(np.array(self._device_ids, np.int32), starts[1:] - starts[:-1]),
            _joined(self._timestamps, self._starts[-1], np.dtype(np.int64)),
            starts,
            tuple(cells.column(name, kind, self._starts[-1]) for (name, kind), cells in self._series.items()),
            frozenset(self.writers),
        )


class _Cells:
    """The values of one name and kind: for each part its batch's first row, and its rows within the batch."""

    __slots__ = ("firsts", "rows", "values")

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.values: list[Sequence[Any]] = []
        self.rows: list[Rows | None] = []

    def column(self, name: str, kind: Kind, row_count: int) -> Column:
        sizes = list(map(len, self.values))
        total = sum(sizes)
        values = _joined(self.values, total, kind.dtype)
        return Column(name, kind, values, None if total == row_count else self._rows(sizes, total))

    def _rows(self, sizes: Sequence[int], total: int) -> Rows:
        counts = np.array(sizes, np.intp)
        ends = np.cumsum(counts)
        rows = np.repeat(np.array(self.firsts, np.intp) - (ends - counts), counts) + np.arange(total)
        for part, own in enumerate(self.rows):
            if own is not None:
                rows[ends[part] - counts[part] : ends[part]] = self.firsts[part] + own
        return rows


def _joined(parts: Sequence[Sequence[Any]], total: int, dtype: np.dtype[Any]) -> Values:
    if dtype.hasobject:
        return np.fromiter(chain.from_iterable(parts), dtype, total)
    if set(map(type, parts)) == _VIEWS:
        return np.frombuffer(bytearray().join(parts), dtype)  # type: ignore[arg-type]  # all are views
    if total < _SHORT * len(parts):
        return np.array(list(chain.from_iterable(parts)), dtype)
    return np.concatenate([np.asarray(part, dtype) for part in parts]) if parts else np.empty(0, dtype)
