"""IoTDB's own types, and which kind of value each holds."""

from __future__ import annotations

import enum
from typing import Any, Final

import numpy as np

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.store import SeriesType, Width

#: Attribute of the text series made here: IoTDB itself cannot tell text from JSON.
KIND_ATTRIBUTE: Final = "iotflow_kind"


class NativeType(enum.IntEnum):
    """A type of IoTDB. The numbers are those of its protocol, the names those of its SQL."""

    BOOLEAN = 0
    INT32 = 1
    INT64 = 2
    FLOAT = 3
    DOUBLE = 4
    TEXT = 5
    TIMESTAMP = 8
    DATE = 9
    BLOB = 10
    STRING = 11

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that holds its values; texts are bytes in object arrays."""
        return _DTYPES.get(self, _OBJECT)

    @property
    def is_text(self) -> bool:
        """Whether its values are bytes."""
        return self in (NativeType.TEXT, NativeType.STRING, NativeType.BLOB)


_OBJECT: Final = np.dtype(object)
_DTYPES: Final = {
    NativeType.BOOLEAN: np.dtype(np.bool_),
    NativeType.INT32: np.dtype(np.int32),
    NativeType.INT64: np.dtype(np.int64),
    NativeType.FLOAT: np.dtype(np.float32),
    NativeType.DOUBLE: np.dtype(np.float64),
    NativeType.TIMESTAMP: np.dtype(np.int64),
    NativeType.DATE: np.dtype(np.int32),
}

_BY_KIND: Final = {
    Kind.NUMERIC: NativeType.DOUBLE,
    Kind.INTEGER: NativeType.INT64,
    Kind.TEXT: NativeType.TEXT,
    Kind.BOOLEAN: NativeType.BOOLEAN,
    Kind.JSON: NativeType.TEXT,
}

_TYPES: Final = {
    NativeType.BOOLEAN: SeriesType(Kind.BOOLEAN),
    NativeType.INT32: SeriesType(Kind.INTEGER, Width.INT32),
    NativeType.INT64: SeriesType(Kind.INTEGER),
    NativeType.TIMESTAMP: SeriesType(Kind.INTEGER),
    NativeType.FLOAT: SeriesType(Kind.NUMERIC, Width.FLOAT32),
    NativeType.DOUBLE: SeriesType(Kind.NUMERIC),
}
_BY_ATTRIBUTE: Final = {"text": SeriesType(Kind.TEXT), "json": SeriesType(Kind.JSON)}
_BY_CONTENT: Final = SeriesType(Kind.TEXT, Width.BY_CONTENT)


def native_type(kind: Kind) -> NativeType:
    """Return the type of a series made here for values of a kind."""
    return _BY_KIND[kind]


def series_type(native: NativeType, kind_attribute: str | None) -> SeriesType:
    """Return what a series holds, by its type and its attribute.

    Types that the older system never made hold text too: a DATE its ISO form, a BLOB what ``values`` says.
    """
    return _TYPES.get(native) or _BY_ATTRIBUTE.get(kind_attribute or "", _BY_CONTENT)


def kind_attributes(kind: Kind) -> dict[str, str]:
    """Return the attributes of a series made here for values of a kind."""
    return {KIND_ATTRIBUTE: kind.name.lower()} if kind in (Kind.TEXT, Kind.JSON) else {}
