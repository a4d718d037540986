"""Batches in smaller parts, where a message would be too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from iotflow.telemetry._enums import Kind
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch

VALUE_FIELDS: Final = tuple(str(kind) for kind in (Kind.NUMERIC, Kind.INTEGER, Kind.TEXT, Kind.BOOLEAN, Kind.JSON))


def points_of(batch: ColumnBatch) -> int:
    """Number of values in a batch, metadata not counted."""
    return sum(len(getattr(column, field)) for column in batch.columns for field in VALUE_FIELDS)


def pieces(batch: ColumnBatch, max_bytes: int) -> Iterator[ColumnBatch]:
    """A batch in parts of at most so many bytes, rows in order; one that has a single point may have more."""
    if batch.ByteSize() <= max_bytes or not points_of(batch):
        yield batch
        return
    for part in _halves(batch):
        if part is batch:
            yield batch
        elif points_of(part):
            yield from pieces(part, max_bytes)


def _halves(batch: ColumnBatch) -> Sequence[ColumnBatch]:
    count = len(batch.timestamps)
    if count > 1:
        return _rows(batch, 0, count // 2), _rows(batch, count // 2, count)
    return _single_points(batch) if len(batch.columns) > 1 else [batch]


def _single_points(batch: ColumnBatch) -> list[ColumnBatch]:
    """The points of one row; its metadata goes with the first."""
    parts = [
        ColumnBatch(device_id=batch.device_id, user_id=batch.user_id, timestamps=batch.timestamps, columns=[column])
        for column in batch.columns
        if not column.missing_rows
    ]
    parts[0].metadata.extend(batch.metadata)
    parts[0].quality_flags.extend(batch.quality_flags)
    return parts


def _rows(batch: ColumnBatch, start: int, end: int) -> ColumnBatch:
    part = ColumnBatch(
        device_id=batch.device_id,
        user_id=batch.user_id,
        timestamps=batch.timestamps[start:end],
        quality_flags=batch.quality_flags[start:end],
    )
    count = len(batch.timestamps)
    part.columns.extend(_column_rows(column, count, start, end) for column in batch.columns)
    part.metadata.extend(_column_rows(column, count, start, end) for column in batch.metadata)
    return part


def _column_rows(column: Column, count: int, start: int, end: int) -> Column:
    missing = np.array(column.missing_rows, dtype=np.int64)
    filled = np.delete(np.arange(count), missing)
    first, last = np.searchsorted(filled, (start, end)).tolist()
    part = Column(name=column.name)
    for field in VALUE_FIELDS:
        getattr(part, field).extend(getattr(column, field)[first:last])
    part.missing_rows.extend((missing[(missing >= start) & (missing < end)] - start).tolist())
    return part
