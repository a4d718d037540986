"""The points of one device, gathered series by series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.cells import Cells
from iotflow_server.query.exact import Numbers
from iotflow_server.stores.batch import Batch, Kind, Rows, Timestamps, Values

_Part = tuple[Timestamps, Values]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesPoints:
    """All points of one series, timestamps ascending.

    ``values`` has the dtype of ``kind``. Where the series holds several kinds, ``kind`` is None, ``values`` are
    Python scalars and ``kinds`` holds the kind of each as its number.
    """

    device_id: int
    measurement: str
    timestamps: Timestamps
    kind: Kind | None
    values: Values
    kinds: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.timestamps)

    def numbers(self) -> Numbers | None:
        """The values as int64 or float64 where all are numbers; of both kinds, the integers rounded to doubles."""
        if self.kind is not None:
            return self.values if self.kind.is_number else None
        assert self.kinds is not None
        is_number = np.isin(self.kinds, [kind for kind in Kind if kind.is_number])
        return self.values.astype(np.float64) if is_number.all() else None

    def at(self, places: Rows) -> Cells:
        """The values at some places, with their kinds."""
        if self.kind is not None:
            return Cells.of_kind(self.kind, self.values[places])
        assert self.kinds is not None
        return Cells(self.kinds[places], self.values[places])


def series_of(batches: Iterable[Batch]) -> Iterator[SeriesPoints]:
    """Gather the series of one device from ascending batches, ordered by name."""
    device_id = 0
    parts: dict[str, dict[Kind, list[_Part]]] = {}
    for batch in batches:
        device_id = batch.device_id
        for column in batch.columns:
            part = (column.timestamps(batch.timestamps), column.values)
            parts.setdefault(column.name, {}).setdefault(column.kind, []).append(part)
    for name in sorted(parts):
        yield _join(device_id, name, {kind: _concatenate(found) for kind, found in parts[name].items()})


def _concatenate(parts: list[_Part]) -> _Part:
    return np.concatenate([timestamps for timestamps, _ in parts]), np.concatenate([values for _, values in parts])


def _join(device_id: int, name: str, by_kind: dict[Kind, _Part]) -> SeriesPoints:
    if len(by_kind) == 1:
        kind, (timestamps, values) = next(iter(by_kind.items()))
        return SeriesPoints(device_id, name, timestamps, kind, values)
    timestamps, values = _concatenate([(times, found.astype(object)) for times, found in by_kind.values()])
    kinds = np.repeat(np.array(list(by_kind), dtype=np.int8), [len(times) for times, _ in by_kind.values()])
    order = np.argsort(timestamps)
    return SeriesPoints(device_id, name, timestamps[order], None, values[order], kinds[order])
