"""Many batches in one set of columns, over any devices: the form in which a flush is encoded at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind, Rows, Timestamps, Values
from iotflow_server.stores.stream_writer import StreamWriter

DeviceIds = NDArray[np.int32]
_Cells = tuple[Rows, Values]


@dataclass(frozen=True, slots=True, eq=False)
class Frame(Sequence[Batch]):
    """Rows of (device, timestamp), and columns of values in them; a sequence of batches for whom wants those.

    ``starts`` holds the first row of each batch, and at its end the number of rows. The pair (name, kind) is unique
    among ``columns``. Batches come in the order in which they were written: of cells that come twice the later wins.
    ``writers`` are those streams of the batches that name theirs. ``is_resolved``: see :meth:`resolved`.
    """

    device_ids: DeviceIds
    timestamps: Timestamps
    starts: Rows
    columns: tuple[Column, ...]
    writers: frozenset[StreamWriter] = frozenset()
    is_resolved: bool = False

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Frame:
        """The frame of batches; one that is a frame stays what it is."""
        if isinstance(batches, Frame):
            return batches
        sizes = [len(batch.timestamps) for batch in batches]
        starts = np.cumsum([0, *sizes], dtype=np.intp)
        parts: dict[tuple[str, Kind], list[_Cells]] = {}
        for batch, first in zip(batches, starts.tolist(), strict=False):
            for column in batch.columns:
                rows = np.arange(len(column)) if column.rows is None else column.rows
                parts.setdefault((column.name, column.kind), []).append((first + rows, column.values))
        return cls(
            np.repeat(np.array([batch.device_id for batch in batches], np.int32), sizes),
            np.concatenate([np.empty(0, np.int64), *(batch.timestamps for batch in batches)]),
            starts,
            tuple(_column(name, kind, cells, int(starts[-1])) for (name, kind), cells in parts.items()),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        first, end = self.starts[index % len(self)], self.starts[index % len(self) + 1]
        columns = (_between(column, first, end) for column in self.columns)
        filled = tuple(column for column in columns if len(column))
        return Batch(int(self.device_ids[first]), self.timestamps[first:end], filled)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.__getitem__, range(len(self)))

    @property
    def devices(self) -> list[int]:
        """The device of each batch."""
        devices: list[int] = self.device_ids[self.starts[:-1]].tolist()
        return devices

    @property
    def value_count(self) -> int:
        """Values in it, metadata counted too."""
        return sum(map(len, self.columns))

    def only(self, chosen: NDArray[np.bool_]) -> Frame:
        """The chosen batches, one bool for each. The writers stay: whose these batches are is not known of each."""
        sizes = np.diff(self.starts)
        of_rows = np.repeat(chosen, sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[chosen])])
        place = np.cumsum(of_rows) - 1
        columns = (_chosen(column, of_rows, place, int(starts[-1])) for column in self.columns)
        filled = tuple(column for column in columns if len(column))
        return Frame(self.device_ids[of_rows], self.timestamps[of_rows], starts, filled, self.writers, self.is_resolved)

    def resolved(self) -> Frame:
        """The same points with every (device, timestamp) once, in this order: one batch for each device.

        Of the values that a series has for one timestamp the last stays, whatever their kinds.
        """
        if self.is_resolved:
            return self
        if self._is_in_order():
            starts = _starts_of(self.device_ids)
            return Frame(self.device_ids, self.timestamps, starts, self.columns, self.writers, is_resolved=True)
        order = np.lexsort((self.timestamps, self.device_ids))
        device_ids, timestamps = self.device_ids[order], self.timestamps[order]
        is_other_device = device_ids[1:] != device_ids[:-1]
        is_new = np.ones(len(order), np.bool_)
        is_new[1:] = is_other_device | (timestamps[1:] != timestamps[:-1])
        place = np.empty(len(order), np.intp)
        place[order] = np.cumsum(is_new) - 1
        if is_new.all():
            columns = tuple(_moved(column, place, order) for column in self.columns)
        else:
            device_ids, timestamps = device_ids[is_new], timestamps[is_new]
            columns = _last_of_each(self.columns, place, len(timestamps))
        return Frame(device_ids, timestamps, _starts_of(device_ids), columns, self.writers, is_resolved=True)

    def _is_in_order(self) -> bool:
        """Whether the rows ascend by device and timestamp, so that none comes twice."""
        devices, timestamps = self.device_ids, self.timestamps
        is_other_device = devices[1:] > devices[:-1]
        is_later = (devices[1:] == devices[:-1]) & (timestamps[1:] > timestamps[:-1])
        return bool((is_other_device | is_later).all())


def _column(name: str, kind: Kind, cells: Sequence[_Cells], row_count: int) -> Column:
    rows = np.concatenate([rows for rows, _ in cells])
    values = np.concatenate([values for _, values in cells])
    return Column(name, kind, values, None if len(rows) == row_count else rows)


def _between(column: Column, first: int, end: int) -> Column:
    """The part of a column in some rows, which are counted from the first of them."""
    if column.rows is None:
        return Column(column.name, column.kind, column.values[first:end])
    start, stop = np.searchsorted(column.rows, (first, end))
    rows = column.rows[start:stop] - first if stop - start < end - first else None
    return Column(column.name, column.kind, column.values[start:stop], rows)


def _chosen(column: Column, of_rows: NDArray[np.bool_], place: Rows, row_count: int) -> Column:
    chosen = column.of_rows(of_rows)
    rows = place[of_rows] if column.rows is None else place[column.rows[chosen]]
    return Column(column.name, column.kind, column.values[chosen], None if len(rows) == row_count else rows)


def _starts_of(device_ids: DeviceIds) -> Rows:
    changes = np.flatnonzero(device_ids[1:] != device_ids[:-1]) + 1
    return np.concatenate([[0], changes, [len(device_ids)]]) if len(device_ids) else np.zeros(1, np.intp)


def _moved(column: Column, place: Rows, order: Rows) -> Column:
    """A column whose rows have gone to other places, each to one of its own."""
    if column.rows is None:
        return Column(column.name, column.kind, column.values[order])
    rows = place[column.rows]
    ascending = np.argsort(rows)
    return Column(column.name, column.kind, column.values[ascending], rows[ascending])


def _last_of_each(columns: Sequence[Column], place: Rows, row_count: int) -> tuple[Column, ...]:
    by_name: dict[str, list[Column]] = {}
    for column in columns:
        by_name.setdefault(column.name, []).append(column)
    return tuple(kept for same in by_name.values() for kept in _last_of_series(same, place, row_count))


def _last_of_series(columns: Sequence[Column], place: Rows, row_count: int) -> Iterator[Column]:
    """The last value of each place among columns of one name."""
    written = [np.arange(len(place)) if column.rows is None else column.rows for column in columns]
    last = np.full(row_count, -1, np.intp)
    for rows in written:
        np.maximum.at(last, place[rows], rows)
    for column, rows in zip(columns, written, strict=True):
        stays = np.flatnonzero(last[place[rows]] == rows)
        chosen = stays[np.argsort(place[rows[stays]])]
        if len(chosen):
            yield _spread(column, chosen, place[rows[chosen]], row_count)


def _spread(column: Column, chosen: Rows, rows: Rows, row_count: int) -> Column:
    return Column(column.name, column.kind, column.values[chosen], None if len(rows) == row_count else rows)
