"""Encodes points as rows of PostgreSQL's binary COPY format, with numpy.

Rows of one measurement and kind have one shape, but for the lengths of their texts. Format: "Binary Format" in
PostgreSQL's documentation of COPY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Rows, Timestamps, Values
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.shapes import NULL, Part, int4, rows_of
from iotflow_server.stores.postgres.texts import Texts

#: The columns of a row, in this order.
COLUMNS: Final = (
    "device_id", "user_id", "timestamp", "measurement_name", "numeric_value", "integer_value", "text_value",
    "boolean_value", "json_value", "metadata", "quality_flag",
)  # fmt: skip
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
_JSONB_VERSION: Final = b"\x01"
_NUMBER: Final[tuple[Part, ...]] = (int4(8), ("number", ">f8"))
#: The fields from numeric_value to json_value, by kind; of a text those before its own.
_VALUE: Final[dict[Kind, tuple[Part, ...]]] = {
    Kind.NUMERIC: (*_NUMBER, NULL * 4),
    Kind.INTEGER: (*_NUMBER, int4(8), ("integer", ">i8"), NULL * 3),
    Kind.BOOLEAN: (NULL * 3, int4(1), ("boolean", "?"), NULL),
    Kind.TEXT: (NULL * 2,),
    Kind.JSON: (NULL * 4,),
}
#: boolean_value and json_value.
_AFTER_TEXT: Final = NULL * 2
#: metadata and quality_flag.
_END: Final[tuple[Part, ...]] = (NULL, int4(4), ("quality", ">i4"))
_NUMBERS: Final = frozenset({"number", "integer", "boolean"})
#: Fewer texts are not worth sorting by length,
_MANY: Final = 64
#: nor are texts of as many lengths as this part of their number.
_FEW: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class PointRows:
    """Points of one measurement and kind, of any devices, in columns of equal length.

    ``values`` are object arrays of str for TEXT and JSON. ``metadata`` is JSON by row, None where they have none.
    """

    name: str
    kind: Kind
    device_ids: NDArray[np.int32]
    user_ids: NDArray[np.int32] | None
    timestamps: Timestamps
    values: Values
    metadata: Sequence[bytes] | None
    quality: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.timestamps)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRows:
    """Rows in binary, and which point each of them is; None: all points in their order."""

    data: bytes | memoryview
    points: Rows | None = None


def encode(rows: PointRows) -> Iterator[EncodedRows]:
    """Yield the rows in binary COPY format, without header and trailer."""
    if rows.metadata is not None:
        yield EncodedRows(_row_by_row(rows, rows.metadata))
    elif rows.kind in (Kind.TEXT, Kind.JSON):
        yield from _by_length(rows)
    else:
        yield EncodedRows(_alike(rows, (*_VALUE[rows.kind], *_END), slice(None)).data)


def _by_length(rows: PointRows) -> Iterator[EncodedRows]:
    if len(rows) < _MANY:
        yield EncodedRows(_row_by_row(rows, repeat(None)))
        return
    texts = Texts.of(rows.values.tolist())
    groups = list(texts.by_length())
    if len(groups) * _FEW > len(rows):
        yield EncodedRows(_row_by_row(rows, repeat(None)))
        return
    for points in groups:
        out = _alike(rows, _text_of(rows.kind, int(texts.lengths[points[0]])), points)
        if "text" in (out.dtype.names or ()):
            out["text"] = texts.alike(points)
        yield EncodedRows(out.data, points)


def _text_of(kind: Kind, length: int) -> tuple[Part, ...]:
    text: tuple[Part, ...] = (("text", f"V{length}"),) if length else ()
    if kind is Kind.JSON:
        return (*_VALUE[kind], int4(length + 1), _JSONB_VERSION, *text, *_END)
    return (*_VALUE[kind], int4(length), *text, _AFTER_TEXT, *_END)


def _alike(rows: PointRows, after_key: Sequence[Part], points: Rows | slice) -> NDArray[Any]:
    """Some of the points as rows, with all but their texts."""
    device_ids = rows.device_ids[points]
    out = rows_of((*_key(rows), *after_key), len(device_ids))
    out["device"], out["time"] = device_ids, rows.timestamps[points] - EPOCH_SHIFT
    if rows.user_ids is not None:
        out["user"] = rows.user_ids[points]
    fields = out.dtype.names or ()
    if "quality" in fields:
        out["quality"] = rows.quality[points]
    for field in _NUMBERS.intersection(fields):
        out[field] = rows.values[points]
    return out


def _key(rows: PointRows) -> Iterator[Part]:
    name = rows.name.encode()
    yield from (len(COLUMNS).to_bytes(2, "big"), int4(4), ("device", ">i4"))
    yield from (NULL,) if rows.user_ids is None else (int4(4), ("user", ">i4"))
    yield from (int4(8), ("time", ">i8"), int4(len(name)), name)


def _row_by_row(rows: PointRows, metadata: Iterable[bytes | None]) -> bytes:
    """Rows whose lengths differ; slow."""
    heads = _alike(rows, _VALUE[rows.kind], slice(None))
    qualities = _each(rows_of((int4(4), ("quality", ">i4")), len(rows)), quality=rows.quality)
    values = map(_TEXT_FIELD[rows.kind], rows.values)
    parts = zip(_each(heads), values, map(_jsonb, metadata), qualities, strict=False)
    return b"".join(chain.from_iterable(parts))


def _each(rows: NDArray[Any], **fields: NDArray[Any]) -> Iterator[memoryview]:
    for name, values in fields.items():
        rows[name] = values
    data, size = memoryview(rows.tobytes()), rows.dtype.itemsize
    return (data[at : at + size] for at in range(0, len(data), size))


def _field(content: bytes) -> bytes:
    return int4(len(content)) + content


def _jsonb(text: bytes | None) -> bytes:
    return NULL if text is None else _field(_JSONB_VERSION + text)


#: What of a value of a kind stands outside the fields of fixed length.
_TEXT_FIELD: Final[dict[Kind, Callable[[Any], bytes]]] = {
    Kind.NUMERIC: lambda _: b"",
    Kind.INTEGER: lambda _: b"",
    Kind.BOOLEAN: lambda _: b"",
    Kind.TEXT: lambda text: _field(text.encode()) + _AFTER_TEXT,
    Kind.JSON: lambda text: _jsonb(text.encode()),
}
