"""Merges points of several devices into one page, in the order of a query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column
from iotflow_server.stores.selection import PointKey

_Keys = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def first_points(
    batches: Sequence[Batch], limit: int, *, descending: bool, after: PointKey | None
) -> tuple[list[Batch], int | None]:
    """Return the first points by (timestamp, device, measurement), and the last one's timestamp if there are ``limit``.

    ``batches`` are of several devices, and may be several of each; none is empty. The answer has one batch for each
    device, timestamps ascending.
    """
    if not batches:
        return [], None
    names = sorted(
        {column.name for batch in batches for column in batch.columns} | ({after.measurement} if after else set())
    )
    rank = {name: index for index, name in enumerate(names)}
    times, devices, ranks = _keys(batches, rank)
    chosen = np.flatnonzero(_beyond(times, devices, ranks, after, rank, descending=descending))
    order = chosen[np.lexsort((ranks[chosen], devices[chosen], times[chosen]))]
    first = (order[::-1] if descending else order)[:limit]
    mask = np.zeros(len(times), np.bool_)
    mask[first] = True
    bound = int(times[first[-1]]) if len(first) == limit else None
    return list(_joined(_cut(batches, mask))), bound


def _keys(batches: Sequence[Batch], rank: dict[str, int]) -> _Keys:
    """The keys of all points, in the order of batches, columns and rows."""
    parts = [(batch, column) for batch in batches for column in batch.columns]
    times = [column.timestamps(batch.timestamps) for batch, column in parts]
    counts = [len(column) for _, column in parts]
    devices = np.repeat(np.array([batch.device_id for batch, _ in parts], np.int64), counts)
    ranks = np.repeat(np.array([rank[column.name] for _, column in parts], np.int64), counts)
    return np.concatenate(times), devices, ranks


def _beyond(
    times: NDArray[np.int64],
    devices: NDArray[np.int64],
    ranks: NDArray[np.int64],
    after: PointKey | None,
    rank: dict[str, int],
    *,
    descending: bool,
) -> NDArray[np.bool_]:
    if after is None:
        return np.ones(len(times), np.bool_)
    sign = -1 if descending else 1
    beyond = sign * ranks > sign * rank[after.measurement]
    for values, limit in ((devices, after.device_id), (times, after.timestamp)):
        beyond = (sign * values > sign * limit) | ((values == limit) & beyond)
    return np.asarray(beyond, np.bool_)


def _cut(batches: Sequence[Batch], mask: NDArray[np.bool_]) -> Iterator[Batch]:
    """Keep the points under the mask, which is in the order of ``_keys``."""
    at = 0
    for batch in batches:
        columns = []
        for column in batch.columns:
            chosen = mask[at : at + len(column)]
            at += len(column)
            if chosen.any():
                columns.append(column.where(chosen, len(batch.timestamps)))
        if columns:
            yield Batch(batch.device_id, batch.timestamps, tuple(columns))


def _joined(batches: Iterator[Batch]) -> Iterator[Batch]:
    by_device: dict[int, list[Batch]] = {}
    for batch in batches:
        by_device.setdefault(batch.device_id, []).append(batch)
    for device_id in sorted(by_device):
        yield join_batches(device_id, by_device[device_id])


def join_batches(device_id: int, batches: Sequence[Batch]) -> Batch:
    """Join batches of one device whose points are distinct; rows without a point are left out."""
    parts: dict[tuple[str, int], list[tuple[Column, NDArray[np.int64]]]] = {}
    for batch in batches:
        for column in batch.columns:
            parts.setdefault((column.name, column.kind), []).append((column, column.timestamps(batch.timestamps)))
    timestamps = np.unique(np.concatenate([times for same in parts.values() for _, times in same]))
    columns = [
        _column([column for column, _ in same], [times for _, times in same], timestamps) for same in parts.values()
    ]
    return Batch(device_id, timestamps, tuple(sorted(columns, key=lambda column: (column.name, column.kind))))


def _column(columns: list[Column], times: list[NDArray[np.int64]], timestamps: NDArray[np.int64]) -> Column:
    own: NDArray[Any] = np.concatenate(times)
    values = np.concatenate([column.values for column in columns])
    order = np.argsort(own, kind="stable")
    rows = None if len(own) == len(timestamps) else np.searchsorted(timestamps, own[order])
    return Column(columns[0].name, columns[0].kind, values[order], rows)
