"""Batches to ColumnBatch messages of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow.telemetry.v1.value_pb2 import ColumnBatch
from iotflow_server.api.values import FIELDS
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Batch, Column, Kind, Rows, is_metadata

#: About the most that one message holds: clients take 4 MiB unless they ask for more.
BLOCK_BYTES: Final = 1 << 20


def column_batches(batch: Batch, user_id: int) -> Iterator[ColumnBatch]:
    """A batch as messages, each no larger than a few MiB; its rows keep their order."""
    cuts = _cuts(batch)
    for start, end in zip(cuts, [*cuts[1:], len(batch.timestamps)], strict=True):
        yield _message(_rows_between(batch, start, end), user_id)


def _cuts(batch: Batch) -> list[int]:
    """The rows at which a message begins."""
    count = len(batch.timestamps)
    step = max(1, count * BLOCK_BYTES // max(batch.nbytes, 1))
    return sorted({*range(0, count, step), *_changes_of_kind(batch)})


def _changes_of_kind(batch: Batch) -> Iterator[int]:
    """Rows from which on a series of several kinds has another kind: a column of a message has one kind."""
    by_name: dict[str, list[Column]] = {}
    for column in batch.columns:
        by_name.setdefault(column.name, []).append(column)
    for columns in by_name.values():
        if len(columns) > 1:
            yield from _changes_between(columns, len(batch.timestamps))


def _changes_between(columns: list[Column], count: int) -> list[int]:
    which = np.zeros(count, dtype=np.int64)
    for number, column in enumerate(columns, 1):
        which[_rows(column, count)] = number
    rows = np.flatnonzero(which)
    changed: list[int] = rows[1:][which[rows[1:]] != which[rows[:-1]]].tolist()
    return changed


def _rows_between(batch: Batch, start: int, end: int) -> Batch:
    if (start, end) == (0, len(batch.timestamps)):
        return batch
    sliced = (_column_between(column, start, end) for column in batch.columns)
    return Batch(batch.device_id, batch.timestamps[start:end], tuple(column for column in sliced if len(column)))


def _column_between(column: Column, start: int, end: int) -> Column:
    if column.rows is None:
        return Column(column.name, column.kind, column.values[start:end])
    first, last = np.searchsorted(column.rows, (start, end))
    return Column(column.name, column.kind, column.values[first:last], column.rows[first:last] - start)


def _message(batch: Batch, user_id: int) -> ColumnBatch:
    count = len(batch.timestamps)
    message = ColumnBatch(device_id=batch.device_id, user_id=user_id, timestamps=batch.timestamps.tolist())
    for column in batch.columns:
        if _is_quality(column):
            message.quality_flags.extend(_quality_flags(column, count))
        elif is_metadata(column.name):
            _fill(message.metadata.add(name=column.name.removeprefix(METADATA_PREFIX)), column, count)
        else:
            _fill(message.columns.add(name=column.name), column, count)
    return message


def _fill(message: ColumnMessage, column: Column, count: int) -> None:
    getattr(message, FIELDS[column.kind]).extend(column.values.tolist())
    if column.rows is not None:
        message.missing_rows.extend(np.delete(np.arange(count), column.rows).tolist())


def _is_quality(column: Column) -> bool:
    """Another kind or size of it, which only older systems can have written, stays visible as metadata."""
    if column.name != QUALITY_SERIES or column.kind is not Kind.INTEGER:
        return False
    return bool(((column.values >= -(2**31)) & (column.values < 2**31)).all())


def _quality_flags(column: Column, count: int) -> list[int]:
    flags = np.zeros(count, dtype=np.int64)
    flags[_rows(column, count)] = column.values
    result: list[int] = flags.tolist()
    return result


def _rows(column: Column, count: int) -> Rows:
    return np.arange(count) if column.rows is None else column.rows
