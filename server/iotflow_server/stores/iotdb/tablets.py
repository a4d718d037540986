"""Encoding of tablets, the form in which rows of one device go to IoTDB.

The values of each column in turn (texts with their length before each), then for each column a byte that tells
whether it has nulls, and if so a bit for each row, lowest first, set where there is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Rows
from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.types import NativeType


@dataclass(frozen=True, slots=True, eq=False)
class NativeColumn:
    """Values of one series in its own type (texts as bytes), and the rows that have one (None: all)."""

    measurement: str
    type: NativeType
    values: NDArray[Any]
    rows: Rows | None


@dataclass(frozen=True, slots=True)
class Tablet:
    """Rows of one device, encoded. ``device`` and ``measurements`` are quoted."""

    device: str
    measurements: list[str]
    types: list[int]
    values: bytes
    times: bytes
    size: int


def encode_tablet(device: str, ticks: NDArray[np.int64], columns: Sequence[NativeColumn]) -> Tablet:
    """Encode columns that share timestamps, which are in ticks of the server."""
    size = len(ticks)
    parts = [_values(column, size) for column in columns] + [_nulls(column, size) for column in columns]
    return Tablet(
        device,
        [quote(column.measurement) for column in columns],
        [int(column.type) for column in columns],
        b"".join(parts),
        ticks.astype(">i8").tobytes(),
        size,
    )


def _values(column: NativeColumn, size: int) -> bytes:
    if column.type.is_text:
        return _texts(column, size)
    dtype = column.type.dtype.newbyteorder(">")
    if column.rows is None:
        return column.values.astype(dtype).tobytes()
    full = np.zeros(size, dtype)
    full[column.rows] = column.values
    return full.tobytes()


def _texts(column: NativeColumn, size: int) -> bytes:
    texts: list[bytes] = column.values.tolist()
    if column.rows is not None:
        found = dict(zip(column.rows.tolist(), texts, strict=True))
        texts = [found.get(row, b"") for row in range(size)]
    lengths = np.fromiter(map(len, texts), ">i4", size).tobytes()
    heads = (lengths[at : at + 4] for at in range(0, len(lengths), 4))
    return b"".join(chain.from_iterable(zip(heads, texts, strict=True)))


def _nulls(column: NativeColumn, size: int) -> bytes:
    if column.rows is None or len(column.rows) == size:
        return b"\0"
    absent = np.ones(size, np.bool_)
    absent[column.rows] = False
    return b"\1" + np.packbits(absent, bitorder="little").tobytes().ljust(size // 8 + 1, b"\0")
