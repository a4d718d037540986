"""Values between IoTDB's own types and the kinds of a batch. No value is changed on the way.

Bytes that are not UTF-8 (IoTDB's TEXT may hold any, and BLOB does) cannot be a string of the API. Leaving the
point out would lose it, replacing bytes would change it, and failing the read would make a whole device unreadable
for one value. So such a value is read as JSON, ``{"iotflow_bytes": "<base64>"}``: nothing is lost, nobody takes it
for text, and writing it back into a TEXT series restores the bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Column, Kind, Rows
from iotflow_server.stores.iotdb.schema import Series
from iotflow_server.stores.iotdb.status import refused
from iotflow_server.stores.iotdb.tablets import NativeColumn
from iotflow_server.stores.iotdb.types import NativeType
from iotflow_server.stores.json_text import is_json_container
from iotflow_server.stores.store import Width

_ENVELOPE: Final = "iotflow_bytes"
_ENVELOPE_START: Final = '{"' + _ENVELOPE + '"'
#: With what a text begins that may be a JSON object or array.
_BEGINNINGS_OF_JSON: Final = frozenset("{[ \t\n\r")
_TEXTS: Final = (Kind.TEXT, Kind.JSON)


def to_native(column: Column, series: Series) -> NativeColumn:
    """Return a column in the type of its series.

    :raises StoreRefusedError: the series cannot hold it unchanged.
    """
    if not _fits_kind(column.kind, series):
        raise _misfit(column, series)
    values = _encoded(column) if column.kind in _TEXTS else _narrowed(column, series)
    return NativeColumn(column.name, series.native, values, column.rows)


def _fits_kind(kind: Kind, series: Series) -> bool:
    if kind in _TEXTS:
        is_text = series.native in (NativeType.TEXT, NativeType.STRING)
        return is_text and (series.type.width is Width.BY_CONTENT or series.type.kind is kind)
    return series.type.kind is kind


def _misfit(column: Column, series: Series) -> Exception:
    return refused(f"series {column.name!r} is of type {series.native.name}: it cannot hold {column.kind.name} values")


def _narrowed(column: Column, series: Series) -> NDArray[Any]:
    if column.values.dtype == series.native.dtype:
        return column.values
    with np.errstate(over="ignore"):
        narrow = column.values.astype(series.native.dtype)
    same = (narrow.astype(column.values.dtype) == column.values) | (column.values != column.values)
    if not same.all():
        raise refused(
            f"series {column.name!r} is of type {series.native.name}: it cannot hold {column.values[~same][0]}"
        )
    return narrow


def _encoded(column: Column) -> NDArray[Any]:
    values = np.empty(len(column), object)
    try:
        values[:] = [_bytes_of(text) for text in column.values]
    except UnicodeEncodeError:
        raise refused(f"series {column.name!r}: a text with half a surrogate pair has no form in UTF-8") from None
    return values


def _bytes_of(text: str) -> bytes:
    if text.startswith(_ENVELOPE_START):
        return _opened(text) or text.encode()
    return text.encode()


def _opened(text: str) -> bytes | None:
    """The bytes in an envelope that reading would put into one again, else None."""
    try:
        parsed = json.loads(text)
        data = base64.b64decode(parsed[_ENVELOPE], validate=True) if len(parsed) == 1 else b""
        data.decode()
    except UnicodeDecodeError:
        return data
    except (ValueError, TypeError, KeyError, binascii.Error):
        return None
    return None


def kinds_of(series: Series, rows: Rows, values: NDArray[Any]) -> Iterator[tuple[Kind, Rows, NDArray[Any]]]:
    """Yield the kinds that are among a series' values, each with its rows and values."""
    if series.native is NativeType.DATE:
        yield (
            Kind.TEXT,
            rows,
            _objects([f"{day // 10000:04}-{day // 100 % 100:02}-{day % 100:02}" for day in values.tolist()]),
        )
    elif series.native.is_text:
        yield from _text_kinds(series, rows, values)
    elif series.type.kind is not None:
        yield series.type.kind, rows, values.astype(series.type.kind.dtype, copy=False)


def _text_kinds(series: Series, rows: Rows, values: NDArray[Any]) -> Iterator[tuple[Kind, Rows, NDArray[Any]]]:
    uniform = _uniform(series, values)
    if uniform is not None:
        yield uniform[0], rows, uniform[1]
        return
    decoded = [_decoded(series, value) for value in values.tolist()]
    kinds = np.fromiter((kind for kind, _ in decoded), np.int8, len(decoded))
    texts = _objects([text for _, text in decoded])
    for kind in _TEXTS:
        chosen = kinds == kind
        if chosen.any():
            yield kind, rows[chosen], texts[chosen]


def _uniform(series: Series, values: NDArray[Any]) -> tuple[Kind, NDArray[Any]] | None:
    """The texts of a series where all are plainly of one kind, as most are; None where each must be looked at."""
    try:
        texts = None if series.native is NativeType.BLOB else [value.decode() for value in values.tolist()]
    except UnicodeDecodeError:
        return None
    if texts is None:
        return None
    if series.type.width is Width.BY_CONTENT and not _BEGINNINGS_OF_JSON.isdisjoint({text[:1] for text in texts}):
        return None
    return series.type.kind or Kind.TEXT, _objects(texts)


def _decoded(series: Series, value: bytes) -> tuple[Kind, str]:
    try:
        text = value.decode() if series.native is not NativeType.BLOB else None
    except UnicodeDecodeError:
        text = None
    if text is None:
        return Kind.JSON, json.dumps({_ENVELOPE: base64.b64encode(value).decode()})
    if series.type.width is Width.BY_CONTENT:
        return (Kind.JSON if is_json_container(text) else Kind.TEXT), text
    return series.type.kind or Kind.TEXT, text


def _objects(texts: list[str]) -> NDArray[Any]:
    values = np.empty(len(texts), object)
    values[:] = texts
    return values
