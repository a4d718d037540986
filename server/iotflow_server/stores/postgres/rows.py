"""Encodes points as rows of PostgreSQL's binary COPY format, with numpy.

Rows of one measurement and kind have one shape, but for the lengths of their texts. Format: "Binary Format" in
PostgreSQL's documentation of COPY.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from numpy.typing import NDArray

from iotflow_server.stores.batch import Kind, Rows
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.point_rows import COLUMNS, PointRows
from iotflow_server.stores.postgres.shapes import NULL, Part, int4, rows_of
from iotflow_server.stores.postgres.single_rows import encode_each
from iotflow_server.stores.postgres.texts import Texts

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
class EncodedRows:
    """Rows in binary, and which point each of them is; None: all points in their order."""

    data: bytes | memoryview
    points: Rows | None = None


def encode(rows: PointRows) -> Iterator[EncodedRows]:
    """Yield the rows in binary COPY format, without header and trailer."""
    if rows.metadata is not None:
        yield EncodedRows(encode_each(rows))
    elif rows.kind in (Kind.TEXT, Kind.JSON):
        yield from _by_length(rows)
    else:
        yield EncodedRows(_alike(rows, (*_VALUE[rows.kind], *_END), slice(None)).data)


def _by_length(rows: PointRows) -> Iterator[EncodedRows]:
    if len(rows) < _MANY:
        yield EncodedRows(encode_each(rows))
        return
    texts = Texts.of(rows.values.tolist())
    groups = list(texts.by_length())
    if len(groups) * _FEW > len(rows):
        yield EncodedRows(encode_each(rows))
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


def _alike(rows: PointRows, after_key: tuple[Part, ...], points: Rows | slice) -> NDArray[Any]:
    """Some of the points as rows, with all but their texts."""
    device_ids = rows.device_ids[points]
    out = rows_of(_key(rows.name, rows.user_ids is not None) + after_key, len(device_ids))
    out["device"], out["time"] = device_ids, rows.timestamps[points] - EPOCH_SHIFT
    if rows.user_ids is not None:
        out["user"] = rows.user_ids[points]
    fields = out.dtype.names or ()
    if "quality" in fields:
        out["quality"] = rows.quality[points]
    for field in _NUMBERS.intersection(fields):
        out[field] = rows.values[points]
    return out


@lru_cache(maxsize=1024)
def _key(name: str, is_owned: bool) -> tuple[Part, ...]:
    encoded = name.encode()
    user: tuple[Part, ...] = (int4(4), ("user", ">i4")) if is_owned else (NULL,)
    time: tuple[Part, ...] = (int4(8), ("time", ">i8"), int4(len(encoded)), encoded)
    return (len(COLUMNS).to_bytes(2, "big"), int4(4), ("device", ">i4"), *user, *time)
