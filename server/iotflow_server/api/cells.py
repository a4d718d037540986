"""Gathers the cells of records into batches, and remembers which records each cell came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind

#: A column within a batch.
ColumnKey = tuple[str, Kind]


@dataclass(slots=True)
class Cell:
    """A value, and the records that gave one for it; the last of them won."""

    value: Any
    records: list[int]


#: Cells of a column by timestamp.
Cells = dict[int, Cell]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Cells of one device of which none must be written before another."""

    columns: dict[ColumnKey, Cells] = field(default_factory=dict)

    def batch(self, device_id: int) -> Batch:
        """The cells as a batch."""
        timestamps = sorted(set().union(*self.columns.values()))
        rows = {timestamp: row for row, timestamp in enumerate(timestamps)}
        columns = tuple(_column(key, cells, rows) for key, cells in self.columns.items())
        return Batch(device_id, np.array(timestamps, dtype=np.int64), columns)


class DeviceCells:
    """The cells of one device, in layers.

    A cell that is given again with another kind goes to a later layer, not over the first: whether the series
    takes the later kind is not known yet, and if it does not, the earlier value must stand.
    """

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self._placed: dict[tuple[str, int], tuple[int, Kind]] = {}

    def put(self, name: str, timestamp: int, kind: Kind, value: Any, record: int) -> None:
        """Set a cell."""
        cells = self._layer_for(name, timestamp, kind).columns.setdefault((name, kind), {})
        if timestamp in cells:
            cells[timestamp].value = value
            cells[timestamp].records.append(record)
        else:
            cells[timestamp] = Cell(value, [record])

    def _layer_for(self, name: str, timestamp: int, kind: Kind) -> Layer:
        depth, placed_kind = self._placed.get((name, timestamp), (0, kind))
        if placed_kind is not kind:
            depth += 1
        self._placed[name, timestamp] = (depth, kind)
        if depth == len(self.layers):
            self.layers.append(Layer())
        return self.layers[depth]


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Which records the cells of a batch came from."""

    batch: Batch
    layer: Layer

    def cells(self, name: str | None, kind: Kind | None, rows: Any | None) -> Iterator[tuple[str, Kind, list[int]]]:
        """The (name, kind, records) of every cell in some rows of a column; None means all."""
        timestamps = None if rows is None else self.batch.timestamps[rows].tolist()
        for (column, column_kind), cells in self.layer.columns.items():
            if name in (None, column) and kind in (None, column_kind):
                for cell in _chosen(cells, timestamps):
                    yield column, column_kind, cell.records


def _chosen(cells: Mapping[int, Cell], timestamps: list[int] | None) -> Iterator[Cell]:
    if timestamps is None:
        yield from cells.values()
        return
    for timestamp in timestamps:
        if timestamp in cells:
            yield cells[timestamp]


def _column(key: ColumnKey, cells: Cells, rows: Mapping[int, int]) -> Column:
    name, kind = key
    ordered = sorted(cells.items())
    values = np.empty(len(ordered), dtype=kind.dtype)
    values[:] = [cell.value for _, cell in ordered]
    if len(ordered) == len(rows):
        return Column(name, kind, values)
    return Column(name, kind, values, np.array([rows[timestamp] for timestamp, _ in ordered], dtype=np.intp))
