"""Makes one batch of several of the same device, so that no key comes twice in a COPY: the later batch wins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotflow_server.stores.batch import Batch, Column


def merge_by_device(batches: Sequence[Batch]) -> list[Batch]:
    """Return at most one batch for each device, devices ascending: an order that all writers lock keys in."""
    by_device: dict[int, list[Batch]] = {}
    for batch in batches:
        by_device.setdefault(batch.device_id, []).append(batch)
    return [_merged(same) if len(same) > 1 else same[0] for _, same in sorted(by_device.items())]


def _merged(batches: Sequence[Batch]) -> Batch:
    timestamps = np.unique(np.concatenate([batch.timestamps for batch in batches]))
    by_name: dict[str, list[Column]] = {}
    for batch in batches:
        place = np.searchsorted(timestamps, batch.timestamps)
        for column in batch.columns:
            moved = Column(column.name, column.kind, column.values, column.timestamps(place))
            by_name.setdefault(column.name, []).append(moved)
    columns = [column for same in by_name.values() for column in _last_wins(same)]
    return Batch(batches[0].device_id, timestamps, tuple(columns))


def _last_wins(columns: Sequence[Column]) -> list[Column]:
    """One column for each kind; of the values of one row the last stays, whatever the kinds."""
    rows = np.concatenate([_rows(column) for column in columns])
    origin = np.repeat(np.arange(len(columns)), [len(column) for column in columns])
    order = np.lexsort((origin, rows))
    is_last = np.append(rows[order][1:] != rows[order][:-1], True) if len(rows) else np.empty(0, np.bool_)
    stays = np.zeros(len(rows), np.bool_)
    stays[order[is_last]] = True
    starts = np.cumsum([0, *(len(column) for column in columns)])
    kept: dict[int, list[Column]] = {}
    for column, start in zip(columns, starts[:-1], strict=True):
        mask = stays[start : start + len(column)]
        kept.setdefault(column.kind, []).append(
            Column(column.name, column.kind, column.values[mask], _rows(column)[mask])
        )
    return [joined for same in kept.values() if len(joined := _joined(same))]


def _joined(columns: Sequence[Column]) -> Column:
    rows = np.concatenate([_rows(column) for column in columns])
    values = np.concatenate([column.values for column in columns])
    order = np.argsort(rows, kind="stable")
    return Column(columns[0].name, columns[0].kind, values[order], rows[order])


def _rows(column: Column) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    if column.rows is None:
        raise ValueError("rows are placed before columns are merged")
    return column.rows
