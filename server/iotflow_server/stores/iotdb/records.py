"""Encoding of records, the form in which single rows of many devices go to IoTDB together.

For each value in turn a byte that tells its type, and then the value (a text with its length before it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.tablets import NativeColumn


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a device, encoded. ``device`` and ``measurements`` are quoted."""

    device: str
    tick: int
    measurements: list[str]
    values: bytes


def encode_records(device: str, ticks: NDArray[np.int64], columns: Sequence[NativeColumn]) -> Iterator[Record]:
    """Yield columns that share timestamps, which are in ticks of the server, row by row."""
    rows: list[tuple[list[str], list[bytes]]] = [([], []) for _ in ticks]
    for column in columns:
        name = quote(column.measurement)
        places = range(len(ticks)) if column.rows is None else column.rows.tolist()
        for place, value in zip(places, _values(column), strict=True):
            measurements, values = rows[place]
            measurements.append(name)
            values.append(value)
    for tick, (measurements, values) in zip(ticks.tolist(), rows, strict=True):
        yield Record(device, tick, measurements, b"".join(values))


def _values(column: NativeColumn) -> list[bytes]:
    kind = bytes((column.type,))
    if column.type.is_text:
        return [kind + len(text).to_bytes(4, "big") + text for text in column.values.tolist()]
    values = column.values.astype(column.type.dtype.newbyteorder(">"))
    data, width = values.tobytes(), values.itemsize
    return [kind + data[at : at + width] for at in range(0, len(data), width)]
