"""Rows of a batch: which of them hold measured values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, is_metadata


def measured_rows(batch: Batch) -> Batch | None:
    """The rows that hold at least one measured value, with their metadata; None where there are none."""
    kept = np.zeros(len(batch.timestamps), dtype=np.bool_)
    for column in batch.columns:
        if not is_metadata(column.name):
            kept[slice(None) if column.rows is None else column.rows] = True
    return keep_rows(batch, kept)


def keep_rows(batch: Batch, kept: NDArray[np.bool_]) -> Batch | None:
    """The rows that are to be kept, one bool for each row; None where there are none."""
    if kept.all():
        return batch if len(kept) else None
    return _keep(batch, kept) if kept.any() else None


def _keep(batch: Batch, kept: NDArray[np.bool_]) -> Batch:
    place = np.cumsum(kept) - 1
    columns = (_keep_of(column, kept, place) for column in batch.columns)
    return Batch(batch.device_id, batch.timestamps[kept], tuple(column for column in columns if len(column)))


def _keep_of(column: Column, kept: NDArray[np.bool_], place: NDArray[np.intp]) -> Column:
    rows = np.arange(len(kept)) if column.rows is None else column.rows
    chosen = kept[rows]
    return Column(column.name, column.kind, column.values[chosen], place[rows[chosen]])
