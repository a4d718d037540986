"""A few points to the bytes of their messages, one by one: numpy would take longer to begin with."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from iotflow.telemetry.v1.value_pb2 import TelemetryPoint, Value
from iotflow_server.api.encode_numbers import VALUE_HEAD, head_of, tail_of
from iotflow_server.api.encode_points import Owner
from iotflow_server.api.times import timestamp_message
from iotflow_server.api.wire import varint
from iotflow_server.api.wire_fields import LENGTH_DELIMITED
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import Points, Scalar

_MOMENTS: Final = 1_024
_SHORT: Final = 0x80
_UNSIGNED: Final = (1 << 64) - 1
_VALUE_TAG: Final = TelemetryPoint.VALUE_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_NUMERIC: Final = int(Kind.NUMERIC)
_numeric_bytes: Final = struct.Struct("<3sd").pack


def few_points_bytes(points: Points, owner: Owner, field: int) -> bytes:
    """Points without metadata as the repeated ``field`` of a message."""
    tag, series, found = bytes([field << 3 | LENGTH_DELIMITED]), points.series, list[bytes]()
    for index, timestamp, kind, value in points.each():
        key = series[index]
        head, tail = head_of(key), tail_of(owner(key.device_id))
        middle = _numeric_bytes(VALUE_HEAD, value) if kind == _NUMERIC else _value(kind, value)
        moment = _moment(timestamp)
        length = len(head) + len(moment) + len(middle) + len(tail)
        found += (tag, _ONE_BYTE[length] if length < _SHORT else varint(length), head, moment, middle, tail)
    return b"".join(found)


_ONE_BYTE: Final = [bytes([length]) for length in range(_SHORT)]


@lru_cache(_MOMENTS)
def _moment(timestamp: int) -> bytes:
    return TelemetryPoint(timestamp=timestamp_message(timestamp)).SerializeToString()


def _value(kind: int, value: Scalar) -> bytes:
    own = _FIELDS[kind](value)
    return bytes([_VALUE_TAG]) + varint(len(own)) + own


def _integer(value: Scalar) -> bytes:
    return bytes([Value.INTEGER_FIELD_NUMBER << 3]) + varint(int(value) & _UNSIGNED)


def _boolean(value: Scalar) -> bytes:
    return bytes([Value.BOOLEAN_FIELD_NUMBER << 3, bool(value)])


def _text(value: Scalar) -> bytes:
    return Value(text=str(value)).SerializeToString()


def _json(value: Scalar) -> bytes:
    return Value(json=str(value)).SerializeToString()


_FIELDS: Final = {
    int(Kind.INTEGER): _integer,
    int(Kind.BOOLEAN): _boolean,
    int(Kind.TEXT): _text,
    int(Kind.JSON): _json,
}
