"""Batches in short, and what a store gives back as plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.selection import Scope, Selection

Points = dict[tuple[str, int], tuple[Kind, Any]]


def column(name: str, kind: Kind, values: Sequence[Any], rows: Sequence[int] | None = None) -> Column:
    """A column of plain values."""
    array = np.empty(len(values), kind.dtype)
    array[:] = values
    return Column(name, kind, array, None if rows is None else np.array(rows, np.intp))


def batch(device_id: int, milliseconds: Iterable[int], *columns: Column) -> Batch:
    """A batch whose timestamps are milliseconds since 1970."""
    return Batch(device_id, np.array(list(milliseconds), np.int64) * 1000, columns)


def one(device_id: int, name: str, kind: Kind, value: Any, millisecond: int = 1) -> Batch:
    """A batch of one point."""
    return batch(device_id, [millisecond], column(name, kind, [value]))


def points(batches: Iterable[Batch]) -> Points:
    """Points by (measurement, millisecond)."""
    found: Points = {}
    for each in batches:
        for found_column in each.columns:
            times = found_column.timestamps(each.timestamps) // 1000
            for time, value in zip(times.tolist(), found_column.values.tolist(), strict=True):
                assert (found_column.name, time) not in found
                found[found_column.name, time] = (found_column.kind, value)
    return found


async def read(store: IotdbStore, *device_ids: int, scope: Scope = Scope.BOTH) -> Points:
    """All points of devices that have no measurement in common."""
    return points([batch async for batch in store.scan(Selection(device_ids, scope=scope))])


async def read_values(store: IotdbStore, device_id: int, name: str) -> list[Any]:
    """The values of one series in order of time."""
    found = await read(store, device_id)
    return [found[key][1] for key in sorted(found) if key[0] == name]


def kinds(found: Mapping[tuple[str, int], tuple[Kind, Any]]) -> dict[str, Kind]:
    """The kind of each measurement."""
    return {name: kind for (name, _), (kind, _) in found.items()}
