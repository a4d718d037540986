"""Finds the points that a store refuses among those that it would take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.migration.backfill.target import Filling
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.errors import StoreRefusedError

_ESCAPED_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_NUL: Final = "it holds U+0000, which PostgreSQL's text cannot"


@dataclass(frozen=True, slots=True)
class RefusedPoint:
    """A point that cannot be stored. ``timestamp`` in microseconds since 1970."""

    device_id: int
    name: str
    timestamp: int
    message: str


@dataclass(slots=True)
class Isolated:
    """What was stored, and what could not be."""

    stored: int
    refused: list[RefusedPoint]


async def fill_apart(filling: Filling, batch: Batch) -> Isolated:
    """Store all points of a batch that can be stored, and name the others."""
    result = Isolated(0, [])
    kept = batch
    for column in batch.columns:
        if (wrong := _with_nul(column)).any():
            result.refused += _named(batch, column.where(wrong, len(batch.timestamps)), _NUL)
            kept = _without(kept, column, wrong)
    await _halve(filling, kept, result)
    return result


async def _halve(filling: Filling, batch: Batch, result: Isolated) -> None:
    if not any(map(len, batch.columns)):
        return
    try:
        result.stored += await filling.fill([batch])
    except StoreRefusedError as error:
        halves = list(_halves(batch))
        if not halves:
            result.refused += _named(batch, batch.columns[0], error.message)
        for half in halves:
            await _halve(filling, half, result)


def _halves(batch: Batch) -> Iterator[Batch]:
    """Two parts of a batch, by rows or, where it has one row, by columns; none of a single point."""
    rows = len(batch.timestamps)
    if rows > 1:
        yield from (_rows(batch, 0, rows // 2), _rows(batch, rows // 2, rows))
    elif len(batch.columns) > 1:
        middle = len(batch.columns) // 2
        for columns in (batch.columns[:middle], batch.columns[middle:]):
            yield Batch(batch.device_id, batch.timestamps, columns)


def _rows(batch: Batch, first: int, end: int) -> Batch:
    columns = []
    for column in batch.columns:
        rows = np.arange(len(column)) if column.rows is None else column.rows
        start, stop = np.searchsorted(rows, (first, end))
        if stop > start:
            columns.append(Column(column.name, column.kind, column.values[start:stop], rows[start:stop] - first))
    return Batch(batch.device_id, batch.timestamps[first:end], tuple(columns))


def _without(batch: Batch, column: Column, wrong: NDArray[np.bool_]) -> Batch:
    right = column.where(~wrong, len(batch.timestamps))
    columns = (right if each is column else each for each in batch.columns)
    return Batch(batch.device_id, batch.timestamps, tuple(each for each in columns if len(each)))


def _with_nul(column: Column) -> NDArray[np.bool_]:
    holds: Callable[[str], bool]
    if column.kind is Kind.TEXT:
        holds = _holds_nul
    elif column.kind is Kind.JSON:
        holds = _holds_escaped_nul
    else:
        return np.zeros(len(column), np.bool_)
    return np.fromiter(map(holds, column.values), np.bool_, len(column))


def _holds_nul(text: str) -> bool:
    return "\0" in text


def _holds_escaped_nul(text: str) -> bool:
    return "\0" in text or _ESCAPED_NUL.search(text) is not None


def _named(batch: Batch, column: Column, message: str) -> list[RefusedPoint]:
    timestamps = column.timestamps(batch.timestamps).tolist()
    return [RefusedPoint(batch.device_id, column.name, timestamp, message) for timestamp in timestamps]
