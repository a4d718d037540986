"""Unpacks the bytes in which statements return timestamps and values; see read_sql.py."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Kind, Rows, Timestamps, Values
from iotflow_server.stores.points import Kinds, Scalar
from iotflow_server.stores.postgres.catalogue import bit_of
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT

#: Kinds whose values all have the same size, by the bits of a series that has no other.
FIXED: Final = {bit_of(kind): kind for kind in (Kind.NUMERIC, Kind.INTEGER, Kind.BOOLEAN)}
_WIRE: Final = {Kind.NUMERIC: np.dtype(">f8"), Kind.INTEGER: np.dtype(">i8"), Kind.BOOLEAN: np.dtype("?")}
#: Kinds of many values, of which a part is taken: to look at one costs a tenth of making it.
_SAME: Final = {kind: np.full(16_384, kind, np.int8) for kind in FIXED.values()}
for _kinds in _SAME.values():
    _kinds.flags.writeable = False
_NUMERIC: Final = struct.Struct(">d")
_INTEGER: Final = struct.Struct(">q")
_SIZE: Final = struct.Struct(">i")
#: Added to the kind of a value of which only the size came.
_LEFT_OUT: Final = 0x80


@dataclass(frozen=True, slots=True)
class LongText:
    """Stands for a text that was left out, and has so many bytes."""

    size: int


def unpack_timestamps(packed: bytes) -> Timestamps:
    """Timestamps in microseconds since 1970."""
    return np.frombuffer(packed, ">i8").astype(np.int64) + EPOCH_SHIFT


def unpack_counts(packed: bytes) -> Rows:
    """Numbers of 32 bits."""
    return np.frombuffer(packed, ">i4").astype(np.intp)


def unpack_values(kinds: int, packed: bytes) -> tuple[Kinds, Values]:
    """The kind of each value, and the values: of the kind's dtype, or Python scalars (or LongText) where they vary."""
    kind = FIXED.get(kinds)
    if kind is None:
        return _unpack_any(packed)
    values = np.frombuffer(packed, _WIRE[kind]).astype(kind.dtype)
    same = _SAME[kind]
    return same[: len(values)] if len(values) <= len(same) else np.full(len(values), kind, np.int8), values


def _unpack_any(packed: bytes) -> tuple[Kinds, Values]:
    found = list(_each(packed))
    values = np.empty(len(found), object)
    values[:] = [value for _, value in found]
    return np.array([kind for kind, _ in found], np.int8), values


def unpack_one(packed: bytes) -> tuple[Kind, Scalar]:
    """A single value of any kind that was not left out, and its kind."""
    ((kind, value),) = _each(packed)
    assert not isinstance(value, LongText)
    return Kind(kind), value


def _each(packed: bytes) -> Iterator[tuple[int, Scalar | LongText]]:
    place = 0
    while place < len(packed):
        tag, place = packed[place], place + 1
        kind = tag & ~_LEFT_OUT
        if kind == Kind.NUMERIC:
            yield kind, _NUMERIC.unpack_from(packed, place)[0]
            place += _NUMERIC.size
        elif kind == Kind.INTEGER:
            yield kind, _INTEGER.unpack_from(packed, place)[0]
            place += _INTEGER.size
        elif kind == Kind.BOOLEAN:
            yield kind, bool(packed[place])
            place += 1
        else:
            (size,), place = _SIZE.unpack_from(packed, place), place + _SIZE.size
            if tag & _LEFT_OUT:
                yield kind, LongText(size)
            else:
                yield kind, packed[place : place + size].decode()
                place += size
