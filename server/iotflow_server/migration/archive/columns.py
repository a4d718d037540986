"""Batches as Arrow tables and back, each value as it is.

A row is a point. Of the columns numeric, integer, text and boolean exactly the one of its kind holds its value; text
holds JSON too, as it was written.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind

_NAMES: Final = pa.dictionary(pa.int32(), pa.string())
SCHEMA: Final = pa.schema(
    [
        ("device_id", pa.int32()),
        ("measurement", _NAMES),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("kind", _NAMES),
        ("numeric", pa.float64()),
        ("integer", pa.int64()),
        ("text", pa.string()),
        ("boolean", pa.bool_()),
    ]
)
_HELD_BY: Final = {
    Kind.NUMERIC: "numeric",
    Kind.INTEGER: "integer",
    Kind.TEXT: "text",
    Kind.JSON: "text",
    Kind.BOOLEAN: "boolean",
}
_DTYPES: Final[dict[str, Any]] = {"numeric": np.float64, "integer": np.int64, "text": object, "boolean": np.bool_}


def table_of(batch: Batch) -> pa.Table:
    """The points of a batch, series by series, each in order of time."""
    sizes = [len(column) for column in batch.columns]
    timestamps = np.concatenate([column.timestamps(batch.timestamps) for column in batch.columns])
    held = [_held(name, batch.columns, sizes) for name in _DTYPES]
    return pa.Table.from_arrays(
        [
            pa.array(np.full(len(timestamps), batch.device_id, np.int32)),
            _words([column.name for column in batch.columns], sizes),
            pa.array(timestamps).cast(SCHEMA.field("timestamp").type),
            _words([column.kind.name for column in batch.columns], sizes),
            *held,
        ],
        schema=SCHEMA,
    )


def batch_of(table: pa.Table) -> Batch:
    """What :func:`table_of` was given; a table of one device."""
    names, kinds = (_read_words(table, column) for column in ("measurement", "kind"))
    moments = table.column("timestamp").cast(pa.int64()).to_numpy()
    timestamps, rows = np.unique(moments, return_inverse=True)
    columns = []
    for start, end in _runs(names, kinds):
        kind = Kind[kinds[start]]
        values = table.column(_HELD_BY[kind]).slice(start, end - start).to_numpy(zero_copy_only=False)
        where = None if end - start == len(timestamps) else rows[start:end]
        columns.append(Column(str(names[start]), kind, values.astype(kind.dtype, copy=False), where))
    return Batch(table.column("device_id")[0].as_py(), timestamps, tuple(columns))


def _words(words: Sequence[str], sizes: Sequence[int]) -> pa.DictionaryArray:
    codes = np.repeat(np.arange(len(words), dtype=np.int32), sizes)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))


def _held(name: str, columns: Sequence[Column], sizes: Sequence[int]) -> pa.Array:
    values: NDArray[Any] = np.zeros(sum(sizes), _DTYPES[name])
    is_absent = np.ones(len(values), np.bool_)
    start = 0
    for column, size in zip(columns, sizes, strict=True):
        if _HELD_BY[column.kind] == name:
            values[start : start + size] = column.values
            is_absent[start : start + size] = False
        start += size
    # from_pandas False: NaN is a value, and no missing one.
    return pa.array(values, SCHEMA.field(name).type, mask=is_absent, from_pandas=False)


def _read_words(table: pa.Table, column: str) -> NDArray[Any]:
    return np.asarray(table.column(column).cast(pa.string()).to_pylist(), object)


def _runs(names: NDArray[Any], kinds: NDArray[Any]) -> list[tuple[int, int]]:
    """Rows of one series and kind each, which follow each other."""
    changes = np.flatnonzero((names[1:] != names[:-1]) | (kinds[1:] != kinds[:-1])) + 1
    bounds = [0, *changes.tolist(), len(names)]
    return list(itertools.pairwise(bounds))
