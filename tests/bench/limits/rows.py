"""The fleet's points as rows of binary COPY, encoded by code of its own: nothing here is measured but the server."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Kind
from tests.bench.fleet import MEASUREMENTS, Fleet

#: Of a connection: what it writes is newer than all figures of hours. Of who does not say so all figures would be a
#: thing of the past, and computed anew while the other side is measured.
NEWER: Final = {"iotflow.marked_before": "infinity"}
TABLE: Final = "telemetry_data"
COLUMNS: Final = (
    "device_id", "user_id", "timestamp", "measurement_name", "numeric_value", "integer_value", "text_value",
    "boolean_value", "json_value", "metadata", "quality_flag",
)  # fmt: skip
#: Rows of one COPY, and so of one transaction.
CHUNK_ROWS: Final = 10_000
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_QUALITY: Final = struct.pack(">ii", 4, 0)
#: Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
EPOCH_SHIFT: Final = 946_684_800_000_000


def chunks(fleet: Fleet, begin: int) -> Iterator[bytes]:
    """What COPY takes for a fleet's points, chunk by chunk, in the order in which gateways send."""
    return map(payload, in_chunks(fleet.batches(begin)))


def in_chunks(batches: Sequence[Batch]) -> Iterator[Sequence[Batch]]:
    """Split batches of equal size into runs of :data:`CHUNK_ROWS` rows."""
    size = max(1, CHUNK_ROWS // batches[0].point_count)
    return (batches[first : first + size] for first in range(0, len(batches), size))


def payload(batches: Sequence[Batch]) -> bytes:
    """What COPY takes for batches that each have all measurements: a series' rows lie together."""
    ordered = sorted(batches, key=lambda batch: batch.device_id)
    devices = np.repeat([batch.device_id for batch in ordered], [len(batch.timestamps) for batch in ordered])
    times = np.concatenate([batch.timestamps for batch in ordered])
    series = (
        _rows(devices, times, name, kind, np.concatenate([batch.columns[index].values for batch in ordered]))
        for index, (name, kind) in enumerate(MEASUREMENTS.items())
    )
    return b"".join([_HEADER, *series, _TRAILER])


def _rows(devices: NDArray[Any], times: NDArray[np.int64], name: str, kind: Kind, values: NDArray[Any]) -> bytes:
    heads = _fixed(
        [
            (">i2", len(COLUMNS)), (">i4", 4), (">i4", devices), ("V4", _NULL), (">i4", 8),
            (">i8", times - EPOCH_SHIFT), (">i4", len(name)), (f"V{len(name)}", name.encode()),
        ],
        len(times),
    )  # fmt: skip
    if kind is Kind.TEXT:
        return b"".join(map(_text_row, heads, values))
    tails = _fixed(_values(kind, values), len(times))
    return np.concatenate([heads, tails], axis=1).tobytes()


def _values(kind: Kind, values: NDArray[Any]) -> list[tuple[str, Any]]:
    """The fields from numeric_value on."""
    number: list[tuple[str, Any]] = [(">i4", 8), (">f8", values)]
    end: tuple[str, Any] = ("V8", _QUALITY)
    match kind:
        case Kind.NUMERIC:
            return [*number, ("V20", _NULL * 5), end]
        case Kind.INTEGER:
            return [*number, (">i4", 8), (">i8", values), ("V16", _NULL * 4), end]
        case _:
            return [("V12", _NULL * 3), (">i4", 1), ("u1", values), ("V8", _NULL * 2), end]


def _text_row(head: NDArray[np.uint8], value: str) -> bytes:
    text = value.encode()
    return head.tobytes() + _NULL * 2 + len(text).to_bytes(4, "big") + text + _NULL * 3 + _QUALITY


def _fixed(fields: Sequence[tuple[str, Any]], count: int) -> NDArray[np.uint8]:
    """Fields of fixed width, side by side: bytes of shape (count, width)."""
    table = np.empty(count, np.dtype([(str(index), form) for index, (form, _) in enumerate(fields)]))
    for index, (form, value) in enumerate(fields):
        table[str(index)] = np.void(value) if form.startswith("V") else value
    return table.view(np.uint8).reshape(count, -1)
