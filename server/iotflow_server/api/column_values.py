"""The values of a Column message, checked for shape and content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow_server.api.validate import json_fault, text_fault
from iotflow_server.api.values import FIELDS
from iotflow_server.stores.batch import Kind, Rows, Values


class ShapeError(ValueError):
    """A column does not fit its batch; ``field`` is the one at fault, relative to the column."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, eq=False)
class GivenColumn:
    """A column as it was sent; ``rows`` are the rows of its values as sent."""

    name: str
    kind: Kind
    values: Values
    rows: Rows

    def only(self, chosen: NDArray[np.bool_]) -> GivenColumn:
        """The column with the chosen values alone."""
        return GivenColumn(self.name, self.kind, self.values[chosen], self.rows[chosen])


def given_column(name: str, message: ColumnMessage, all_rows: Rows) -> GivenColumn | None:
    """Read a column; None where every row is missing.

    :raises ShapeError: its lists do not fit one another.
    """
    rows = _rows_with_value(message.missing_rows, all_rows)
    filled = [kind for kind, field in FIELDS.items() if len(getattr(message, field))]
    if len(filled) > 1:
        raise ShapeError(FIELDS[filled[1]], f"{FIELDS[filled[0]]} is filled too: fill one list of values only")
    field = FIELDS[filled[0]] if filled else "numeric"
    sent = getattr(message, field)
    if len(sent) != len(rows):
        raise ShapeError(field, f"{len(sent)} values for {len(rows)} rows: send one for each row that is not missing")
    return GivenColumn(name, filled[0], _array(sent, filled[0]), rows) if filled else None


def bad_values(given: GivenColumn, max_text_bytes: int) -> dict[str, list[int]]:
    """The positions of values that cannot be stored, by what is wrong with them."""
    if given.kind is Kind.JSON:
        return _faults(given.values, json_fault, max_text_bytes)
    if given.kind is Kind.TEXT and not _all_plain(given.values, max_text_bytes):
        return _faults(given.values, text_fault, max_text_bytes)
    return {}


def _rows_with_value(missing_rows: Sequence[int], all_rows: Rows) -> Rows:
    if not missing_rows:
        return all_rows
    missing = np.array(missing_rows, dtype=np.int64)
    if not (missing[1:] > missing[:-1]).all():
        raise ShapeError("missing_rows", "missing_rows must ascend without repetition")
    if missing[-1] >= len(all_rows):
        raise ShapeError("missing_rows", f"row {missing[-1]} is missing of {len(all_rows)} rows, counted from 0")
    return np.delete(all_rows, missing)


def _array(sent: Sequence[Any], kind: Kind) -> Values:
    if kind.dtype != object:
        return np.array(sent, dtype=kind.dtype)
    values = np.empty(len(sent), dtype=object)
    values[:] = list(sent)
    return values


def _all_plain(texts: Values, max_bytes: int) -> bool:
    """A quick look that clears most columns of text."""
    joined = "".join(texts)
    return joined.isascii() and "\0" not in joined and max(map(len, texts), default=0) <= max_bytes


def _faults(values: Values, fault_of: Callable[[str, int], str | None], max_bytes: int) -> dict[str, list[int]]:
    faults: dict[str, list[int]] = {}
    for position, value in enumerate(values):
        if (fault := fault_of(value, max_bytes)) is not None:
            faults.setdefault(fault, []).append(position)
    return faults
