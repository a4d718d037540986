"""Encodes points as rows of PostgreSQL's binary COPY format one by one, since their lengths differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from struct import Struct
from typing import Final

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.point_rows import COLUMNS, PointRows
from iotflow_server.stores.postgres.shapes import NULL, int4

#: Number of columns, device, owner, time and the length of a name; each but the first behind its length.
_OWNED: Final = Struct(">hiiiiiqi").pack
_UNOWNED: Final = Struct(">hiiiiqi").pack
#: A value and all up to metadata.
_NUMBER: Final = Struct(">id16s").pack
_INTEGER: Final = Struct(">idiq12s").pack
_AFTER_NUMBER: Final = NULL * 4
_AFTER_INTEGER: Final = NULL * 3
_BOOLEANS: Final = (NULL * 3 + int4(1) + b"\0" + NULL, NULL * 3 + int4(1) + b"\1" + NULL)
_LENGTH: Final = Struct(">i").pack
_VERSIONED: Final = Struct(">ic").pack
_JSONB_VERSION: Final = b"\x01"
_BEFORE_TEXT: Final = NULL * 2
_AFTER_TEXT: Final = NULL * 2
_BEFORE_JSON: Final = NULL * 4
#: quality_flag, and those of rows that have none.
_QUALITY: Final = Struct(">ii").pack
_NO_QUALITY: Final = _QUALITY(4, 0)

_Pieces = Iterable[bytes]


def encode_each(rows: PointRows) -> bytes:
    """The rows in their order, without header and trailer."""
    name = rows.name.encode()
    pieces = (_keys(rows, len(name)), repeat(name), *_values(rows), *_metadata(rows.metadata), _qualities(rows))
    return b"".join(chain.from_iterable(zip(*pieces, strict=False)))


def _keys(rows: PointRows, name_size: int) -> _Pieces:
    count, size, device_ids = repeat(len(COLUMNS)), repeat(name_size), rows.device_ids.tolist()
    moments = (rows.timestamps - EPOCH_SHIFT).tolist()
    if rows.user_ids is None:
        return map(_UNOWNED, count, repeat(4), device_ids, repeat(-1), repeat(8), moments, size)
    user_ids = rows.user_ids.tolist()
    return map(_OWNED, count, repeat(4), device_ids, repeat(4), user_ids, repeat(8), moments, size)


def _values(rows: PointRows) -> Iterator[_Pieces]:
    """The fields from numeric_value to json_value."""
    values = rows.values.tolist()
    match rows.kind:
        case Kind.NUMERIC:
            yield map(_NUMBER, repeat(8), values, repeat(_AFTER_NUMBER))
        case Kind.INTEGER:
            yield map(_INTEGER, repeat(8), values, repeat(8), values, repeat(_AFTER_INTEGER))
        case Kind.BOOLEAN:
            yield map(_BOOLEANS.__getitem__, values)
        case Kind.TEXT:
            texts = list(map(str.encode, values))
            yield from (repeat(_BEFORE_TEXT), map(_LENGTH, map(len, texts)), texts, repeat(_AFTER_TEXT))
        case Kind.JSON:
            yield repeat(_BEFORE_JSON)
            yield from _jsonb(list(map(str.encode, values)))


def _metadata(metadata: Iterable[bytes] | None) -> Iterable[_Pieces]:
    return (repeat(NULL),) if metadata is None else _jsonb(list(metadata))


def _jsonb(texts: list[bytes]) -> Iterator[_Pieces]:
    yield map(_VERSIONED, [len(text) + 1 for text in texts], repeat(_JSONB_VERSION))
    yield texts


def _qualities(rows: PointRows) -> _Pieces:
    flags = rows.quality.tolist()
    return map(_QUALITY, repeat(4), flags) if any(flags) else repeat(_NO_QUALITY)
