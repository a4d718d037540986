"""Decides what a phase that writes IoTDB can store, before anything is written.

IoTDB fixes a series' type by its first write and cannot hold every name and time. To keep both stores alike,
what it cannot hold is refused, point by point, for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from iotflow_server.routing.coercion import coerce
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import Batch, Column, Rows, Timestamps
from iotflow_server.stores.store import SeriesType

#: IoTDB takes no timestamp above 10^13 ms (2286-11-20T17:46:40Z).
IOTDB_MAX_TIMESTAMP: Final = 10**13 * 1000
_RESERVED_NAMES: Final = frozenset({"time", "timestamp"})


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """A batch as it may be written (None where nothing of it may), and what was refused of it."""

    batch: Batch | None
    refusals: tuple[Refusal, ...]


def admit(index: int, batch: Batch, types: Mapping[str, SeriesType]) -> Admitted:
    """Fit a batch to the types of its device's series. ``index`` is the batch's place in its call.

    A series that has no type yet gets that of the batch's earliest value.
    """
    admission = _Admission(index, batch, types)
    columns = [fitted for column in batch.columns if (fitted := admission.admit(column)) is not None]
    if not columns:
        return Admitted(None, tuple(admission.refusals))
    admitted = Batch(batch.device_id, batch.timestamps, _join_same(columns))
    return Admitted(admitted, tuple(admission.refusals))


class _Admission:
    def __init__(self, index: int, batch: Batch, types: Mapping[str, SeriesType]) -> None:
        self.refusals: list[Refusal] = []
        self._index = index
        self._timestamps = batch.timestamps
        self._types = _first_types(batch.columns) | dict(types)
        self._too_late = _too_late(batch.timestamps)

    def admit(self, column: Column) -> Column | None:
        if (message := _name_fault(column.name)) is not None:
            self._refuse(column, RefusalReason.NAME, message, None)
            return None
        timely = self._drop_late(column)
        if timely is None:
            return None
        fit = coerce(timely, self._types[column.name])
        if fit.refused is not None:
            self._refuse(column, RefusalReason.TYPE, fit.message, fit.refused)
        return fit.column

    def _drop_late(self, column: Column) -> Column | None:
        if self._too_late is None:
            return column
        rows = _rows_of(column, self._timestamps)
        late = self._too_late[rows]
        if not late.any():
            return column
        message = "the timestamp is after 2286-11-20T17:46:40Z, the latest that IoTDB takes"
        self._refuse(column, RefusalReason.TIMESTAMP, message, rows[late])
        timely = column.where(~late, len(self._timestamps))
        return timely if len(timely) else None

    def _refuse(self, column: Column, reason: RefusalReason, message: str, rows: Rows | None) -> None:
        self.refusals.append(Refusal(self._index, reason, message, column.name, column.kind, rows))


def _name_fault(name: str) -> str | None:
    if name.lower() in _RESERVED_NAMES:
        return f"IoTDB, which this phase writes, cannot hold a measurement named {name!r}: choose another name"
    if "\n" in name or "\t" in name:
        return "IoTDB, which this phase writes, cannot hold a name with a newline or a tab: remove it"
    return None


def _too_late(timestamps: Timestamps) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    late: np.ndarray[tuple[int], np.dtype[np.bool_]] = timestamps > IOTDB_MAX_TIMESTAMP
    return late if late.any() else None


def _rows_of(column: Column, timestamps: Timestamps) -> Rows:
    return np.arange(len(timestamps)) if column.rows is None else column.rows


def _first_types(columns: Sequence[Column]) -> dict[str, SeriesType]:
    """The type that each name would get by its earliest value in these columns."""

    def first_row(column: Column) -> int:
        return 0 if column.rows is None or not len(column.rows) else int(column.rows[0])

    latest_first = sorted(columns, key=first_row, reverse=True)
    return {column.name: SeriesType(column.kind) for column in latest_first}


def _join_same(columns: list[Column]) -> tuple[Column, ...]:
    """Join columns that have become the same (name, kind)."""
    joined: dict[tuple[str, int], Column] = {}
    for column in columns:
        key = (column.name, column.kind)
        joined[key] = _join(joined[key], column) if key in joined else column
    return tuple(joined.values())


def _join(one: Column, other: Column) -> Column:
    if one.rows is None or other.rows is None:
        raise ValueError(f"two values in one row of {one.name!r}")
    rows = np.concatenate([one.rows, other.rows])
    order = np.argsort(rows, kind="stable")
    values = np.concatenate([one.values, other.values])
    return Column(one.name, one.kind, values[order], rows[order])
