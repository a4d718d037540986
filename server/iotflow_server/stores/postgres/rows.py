"""Encodes points as rows of PostgreSQL's binary COPY format, with numpy.

Rows of one measurement and kind have the same shape, so that their fixed parts are one structured array. Format:
"Binary Format" in PostgreSQL's documentation of COPY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Timestamps, Values
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT

#: The columns of a row, in this order.
COLUMNS: Final = (
    "device_id", "user_id", "timestamp", "measurement_name", "numeric_value", "integer_value", "text_value",
    "boolean_value", "json_value", "metadata", "quality_flag",
)  # fmt: skip
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
_NULL: Final = -1
_JSONB_VERSION: Final = b"\x01"


@dataclass(frozen=True, slots=True, eq=False)
class PointRows:
    """Points of one measurement and kind, of any devices. ``metadata`` is JSON by row, where any has it."""

    name: str
    kind: Kind
    device_ids: NDArray[np.int32]
    user_ids: NDArray[np.int32] | None
    timestamps: Timestamps
    values: Values
    metadata: Sequence[bytes | None] | None
    quality: NDArray[np.int32]


def encode(rows: PointRows) -> bytes:
    """Return the rows in binary COPY format, without header and trailer."""
    head, tail = _head(rows), _tail(rows)
    if rows.metadata is None and rows.kind not in (Kind.TEXT, Kind.JSON):
        return _side_by_side(head, tail)
    return b"".join(_row_by_row(rows, head, tail))


def _head(rows: PointRows) -> NDArray[Any]:
    """The fields before text_value, and those up to json_value where none of them varies in length."""
    name = rows.name.encode()
    fields: list[tuple[Any, ...]] = [
        ("count", ">i2"), ("device_length", ">i4"), ("device", ">i4"), ("user_length", ">i4"),
    ]  # fmt: skip
    if rows.user_ids is not None:
        fields.append(("user", ">i4"))
    fields += [("time_length", ">i4"), ("time", ">i8"), ("name_length", ">i4"), ("name", f"V{len(name)}")]
    head = np.empty(len(rows.timestamps), np.dtype(fields + _value_fields(rows.kind)))
    head["count"], head["device_length"], head["device"] = len(COLUMNS), 4, rows.device_ids
    head["user_length"] = _NULL if rows.user_ids is None else 4
    if rows.user_ids is not None:
        head["user"] = rows.user_ids
    head["time_length"], head["time"] = 8, rows.timestamps - EPOCH_SHIFT
    head["name_length"], head["name"] = len(name), np.void(name)
    _fill_values(head, rows)
    return head


def _value_fields(kind: Kind) -> list[tuple[Any, ...]]:
    numeric: list[tuple[Any, ...]] = [("numeric_length", ">i4"), ("numeric", ">f8")]
    null = ">i4"
    match kind:
        case Kind.NUMERIC:
            return [*numeric, ("integer_length", null), ("nulls", null, (3,))]
        case Kind.INTEGER:
            return [*numeric, ("integer_length", ">i4"), ("integer", ">i8"), ("nulls", null, (3,))]
        case Kind.BOOLEAN:
            return [("nulls", null, (3,)), ("boolean_length", ">i4"), ("boolean", "?"), ("json_length", null)]
        case Kind.TEXT:
            return [("nulls", null, (2,))]
        case Kind.JSON:
            return [("nulls", null, (4,))]


def _fill_values(head: NDArray[Any], rows: PointRows) -> None:
    head["nulls"] = _NULL
    match rows.kind:
        case Kind.NUMERIC:
            head["numeric_length"], head["numeric"], head["integer_length"] = 8, rows.values, _NULL
        case Kind.INTEGER:
            head["numeric_length"], head["numeric"] = 8, rows.values
            head["integer_length"], head["integer"] = 8, rows.values
        case Kind.BOOLEAN:
            head["boolean_length"], head["boolean"], head["json_length"] = 1, rows.values, _NULL
        case _:
            pass


def _tail(rows: PointRows) -> NDArray[Any]:
    """quality_flag, and before it metadata where that is null."""
    fields: list[tuple[Any, ...]] = [("quality_length", ">i4"), ("quality", ">i4")]
    if rows.metadata is None and rows.kind not in (Kind.TEXT, Kind.JSON):
        fields.insert(0, ("metadata_length", ">i4"))
    tail = np.empty(len(rows.timestamps), np.dtype(fields))
    if "metadata_length" in (tail.dtype.names or ()):
        tail["metadata_length"] = _NULL
    tail["quality_length"], tail["quality"] = 4, rows.quality
    return tail


def _side_by_side(head: NDArray[Any], tail: NDArray[Any]) -> bytes:
    count = len(head)
    bytes_of = (head.view(np.uint8).reshape(count, -1), tail.view(np.uint8).reshape(count, -1))
    return np.concatenate(bytes_of, axis=1).tobytes()


def _row_by_row(rows: PointRows, head: NDArray[Any], tail: NDArray[Any]) -> Iterable[bytes | memoryview]:
    heads, tails = memoryview(head.tobytes()), memoryview(tail.tobytes())
    before, after = head.dtype.itemsize, tail.dtype.itemsize
    metadata = rows.metadata or [None] * len(rows.timestamps)
    for index, value in enumerate(rows.values):
        yield heads[index * before : (index + 1) * before]
        if rows.kind is Kind.TEXT:
            # After text_value come boolean_value and json_value, both null.
            yield _field(value.encode()) + _NULL_FIELDS
        elif rows.kind is Kind.JSON:
            yield _field(_JSONB_VERSION + value.encode())
        yield _jsonb(metadata[index])
        yield tails[index * after : (index + 1) * after]


_NULL_FIELDS: Final = b"\xff\xff\xff\xff" * 2


def _jsonb(text: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if text is None else _field(_JSONB_VERSION + text)


def _field(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content
