"""Decoding of TsBlocks, the form in which IoTDB sends the rows of an answer.

The client's own ways of reading lose or change values (see docs/adr); the blocks themselves are exact.
Layout, all big-endian: column count (int32), a type byte for each, row count (int32), an encoding byte for the
time column and each column, the time column, the columns. A column: a byte that tells whether it has nulls; if
so a bit for each row, highest first; then the values of the rows that are not null (of booleans: of all rows).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Rows
from iotflow_server.stores.iotdb.types import NativeType

_BYTES, _INT32, _INT64, _BINARY, _RUN = range(5)
_LENGTH: Final = struct.Struct(">i")


@dataclass(frozen=True, slots=True, eq=False)
class RawColumn:
    """The values of a column as IoTDB keeps them; ``rows`` are the indices of those rows that have one.

    Texts are object arrays of bytes.
    """

    type: NativeType
    rows: Rows
    values: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of an answer: ``times`` in ticks of the server."""

    times: NDArray[np.int64]
    columns: tuple[RawColumn, ...]
    nbytes: int


def decode_block(data: bytes) -> Block:
    """Decode one TsBlock.

    :raises ValueError: it is encoded in a way that is not known.
    """
    reader = _Reader(data)
    types = [NativeType(code) for code in reader.take(reader.length())]
    count = reader.length()
    encodings = reader.take(len(types) + 1)
    times = reader.column(encodings[0], NativeType.INT64, count).values
    columns = [reader.column(code, type_, count) for code, type_ in zip(encodings[1:], types, strict=True)]
    return Block(times.astype(np.int64, copy=False), tuple(columns), len(data))


class _Reader:
    """A position in a block."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def length(self) -> int:
        (value,) = _LENGTH.unpack(self.take(4))
        return int(value)

    def column(self, encoding: int, type_: NativeType, count: int) -> RawColumn:
        if encoding == _RUN:
            return self._run(type_, count)
        nulls = self._bits(count) if self.take(1)[0] else None
        rows = np.arange(count) if nulls is None else np.flatnonzero(~nulls)
        return RawColumn(type_, rows, self._values(encoding, type_, rows, count))

    def _values(self, encoding: int, type_: NativeType, rows: Rows, count: int) -> NDArray[Any]:
        if encoding == _BYTES:
            return self._bits(count)[rows]
        if encoding in (_INT32, _INT64):
            return self._numbers(type_.dtype, len(rows))
        if encoding == _BINARY:
            return self._texts(len(rows))
        raise ValueError(f"IoTDB sent a column encoded as {encoding}, which this version does not know")

    def _run(self, type_: NativeType, count: int) -> RawColumn:
        one = self.column(self.take(1)[0], type_, 1)
        times = count if len(one.rows) else 0
        return RawColumn(type_, np.arange(times), np.repeat(one.values, times) if times else one.values)

    def _bits(self, count: int) -> NDArray[np.bool_]:
        packed = np.frombuffer(self.take((count + 7) // 8), np.uint8)
        return np.unpackbits(packed, count=count).astype(np.bool_)

    def _numbers(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        values = np.frombuffer(self._data, dtype.newbyteorder(">"), count, self._at)
        self._at += values.nbytes
        return values.astype(dtype)

    def _texts(self, count: int) -> NDArray[Any]:
        values = np.empty(count, object)
        data, at = self._data, self._at
        for index in range(count):
            start = at + 4
            at = start + _LENGTH.unpack_from(data, at)[0]
            values[index] = data[start:at]
        self._at = at
        return values
