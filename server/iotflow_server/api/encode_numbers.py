"""Points that are doubles to the bytes of their messages, as a table: most of each is alike in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from iotflow.telemetry.v1.value_pb2 import TelemetryPoint, Value
from iotflow_server.api.wire_fields import LENGTH_DELIMITED
from iotflow_server.api.wire_table import DIGITS, LONGEST, MessageTable, Strings, split_moments
from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.points import Points, SeriesKey

#: Series whose bytes are remembered, some 150 bytes each.
_SERIES: Final = 16_384
_USERS: Final = 1_024
_SHIFTS: Final = np.arange(0, 7 * DIGITS, 7)
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
#: Nanoseconds have a tag, and one more digit, from each of these on; 0 has none.
_LIMITS: Final = np.array([1, 1, 1 << 7, 1 << 14, 1 << 21, 1 << 28])
_MOMENT_TAG: Final = TelemetryPoint.TIMESTAMP_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_SECONDS_TAG, _NANOS_TAG = 1 << 3, 2 << 3
_DOUBLE: Final = 8
#: The field of a value that holds a double, its length, and the field of the double.
VALUE_HEAD: Final = bytes(
    [TelemetryPoint.VALUE_FIELD_NUMBER << 3 | LENGTH_DELIMITED, 1 + _DOUBLE, Value.NUMERIC_FIELD_NUMBER << 3 | 1]
)


@lru_cache(_SERIES)
def head_of(series: SeriesKey) -> bytes:
    """What a message about a series begins with."""
    return TelemetryPoint(device_id=series.device_id, measurement=series.measurement).SerializeToString()


@lru_cache(_USERS)
def tail_of(user_id: int) -> bytes:
    """What a message about the device of a user ends with."""
    return TelemetryPoint(user_id=user_id).SerializeToString()


def number_bytes(points: Points, owners: Sequence[int], field: int) -> bytes | None:
    """Points without metadata as the repeated ``field`` of a message, given the owner of each series; None where they
    are not all doubles, or have unusual moments, or a message is long."""
    if (
        points.values.dtype != np.float64
        or not len(points.values)
        or (found := split_moments(points.timestamps)) is None
    ):
        return None
    seconds, rest = found
    heads = Strings(list(map(head_of, points.series)))
    tails = Strings(list(map(tail_of, owners if len(set(owners)) > 1 else owners[:1])))
    digits = bytes(DIGITS)
    moment = bytes([_SECONDS_TAG]) + digits + (b"" if rest is None else bytes([_NANOS_TAG]) + digits)
    body = b"".join((bytes(heads.width), bytes([_MOMENT_TAG, len(moment)]), moment, VALUE_HEAD, bytes(_DOUBLE)))
    body += tails.first if tails.are_same else bytes(tails.width)
    if len(body) > LONGEST:
        return None
    table = MessageTable(bytes([field << 3 | LENGTH_DELIMITED, len(body)]) + body, len(seconds))
    begin = 2 + heads.width + 2
    value = begin + len(moment) + len(VALUE_HEAD)
    table.strings(2, heads, points.series_of)
    table.seconds(begin + 1, seconds)
    table.numbers(value, points.values, "<f8")
    if not tails.are_same:
        table.strings(value + _DOUBLE, tails, points.series_of)
    if rest is not None:
        _write_nanos(table, begin, rest * 1_000)
    return table.packed()


def _write_nanos(table: MessageTable, begin: int, nanos: Timestamps) -> None:
    """Write what moments, which begin at a byte, have beyond their seconds; those that have nothing leave it out."""
    place = begin + 1 + DIGITS
    is_there = nanos[:, None] >= _LIMITS
    digits = nanos[:, None] >> _SHIFTS & _SEVEN_BITS
    digits[:, :-1] |= is_there[:, 2:] * _MORE
    table.write(place + 1, digits.astype(np.uint8))
    table.rows[:, begin - 1] -= table.leave_out(place, is_there)
