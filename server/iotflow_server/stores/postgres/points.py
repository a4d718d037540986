"""Makes batches of the rows that a read returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind


class Row(Protocol):
    """A row of sql.POINT: device, timestamp in microseconds since 1970, name, and the five value columns."""

    def __getitem__(self, index: int, /) -> Any:
        """The value of a column."""


_VALUE_COLUMNS = ((3, Kind.INTEGER), (4, Kind.NUMERIC), (5, Kind.TEXT), (6, Kind.BOOLEAN), (7, Kind.JSON))


def batches_of(rows: Iterable[Row]) -> list[Batch]:
    """One batch for each device, devices and timestamps ascending."""
    by_device: dict[int, list[Row]] = {}
    for row in rows:
        by_device.setdefault(row[0], []).append(row)
    return [batch_of(device_id, by_device[device_id]) for device_id in sorted(by_device)]


def batch_of(device_id: int, rows: Sequence[Row], *, descending: bool = False) -> Batch:
    """One batch of one device's rows, which may come in any order."""
    timestamps = np.unique(np.fromiter((row[1] for row in rows), np.int64, len(rows)))
    if descending:
        timestamps = timestamps[::-1]
    place = {timestamp: index for index, timestamp in enumerate(timestamps.tolist())}
    gathered: dict[tuple[str, Kind], tuple[list[int], list[Any]]] = {}
    for row in rows:
        index, kind = _value_of(row)
        where, values = gathered.setdefault((row[2], kind), ([], []))
        where.append(place[row[1]])
        values.append(row[index])
    columns = (_column(name, kind, *gathered[name, kind], len(timestamps)) for name, kind in sorted(gathered))
    return Batch(device_id, timestamps, tuple(columns))


def _value_of(row: Row) -> tuple[int, Kind]:
    for index, kind in _VALUE_COLUMNS:
        if row[index] is not None:
            return index, kind
    raise ValueError(f"a row without value: device {row[0]}, {row[2]!r}")


def _column(name: str, kind: Kind, where: list[int], values: list[Any], row_count: int) -> Column:
    rows = np.array(where, np.intp)
    array = np.empty(len(values), kind.dtype)
    array[:] = values
    if len(rows) > 1 and not (rows[1:] > rows[:-1]).all():
        order = np.argsort(rows, kind="stable")
        rows, array = rows[order], array[order]
    return Column(name, kind, array, None if len(rows) == row_count else rows)
