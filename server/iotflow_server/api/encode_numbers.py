"""Points that are doubles to the bytes of their messages: rows of a table, most of which is alike in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.value_pb2 import TelemetryPoint, Value
from iotflow_server.api.times import SECOND
from iotflow_server.api.wire import Bytes, Mask
from iotflow_server.api.wire_fields import LENGTH_DELIMITED
from iotflow_server.stores.batch import Rows, Timestamps
from iotflow_server.stores.points import Points, SeriesKey

#: Series whose bytes are remembered, some 150 bytes each.
_SERIES: Final = 16_384
_USERS: Final = 1_024
#: The length of a longer message takes two bytes.
_LONGEST: Final = 0x7F
#: Seconds that have five digits as a varint: from 1978 on, for a thousand years.
_FIRST_SECOND, _END_SECOND = 1 << 28, 1 << 35
_DIGITS: Final = 5
_SHIFTS: Final = np.arange(0, 7 * _DIGITS, 7)
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
_FOUR_MORE: Final = 0x80808080
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
    if points.values.dtype != np.float64 or not len(points.values):
        return None
    seconds, rest = np.divmod(points.timestamps, SECOND)
    if seconds.min() < _FIRST_SECOND or seconds.max() >= _END_SECOND:
        return None
    heads = _Ends(list(map(head_of, points.series)))
    tails = _Ends(list(map(tail_of, owners if len(set(owners)) > 1 else owners[:1])))
    nanos = rest * 1_000 if np.count_nonzero(rest) else None
    table = _Table(len(seconds), field, heads, tails, has_nanos=nanos is not None)
    if table.width - 2 > _LONGEST:
        return None
    table.write(points, seconds)
    if nanos is not None:
        table.write_nanos(nanos)
    table.leave_out_ends(points.series_of)
    return table.packed()


def _digits(seconds: Timestamps) -> Timestamps:
    """The five bytes of each as a varint."""
    halves = seconds & 0x3FFF | (seconds & 0xFFFC000) << 2
    four = halves & 0x7F007F | (halves & 0x3F803F80) << 1
    return four | (seconds >> 28 << 32 | _FOUR_MORE)


def _column(rows: NDArray[Any], start: int, dtype: str) -> Any:
    """What the rows of a table of bytes have from ``start`` on, as one value of each."""
    return np.ndarray(len(rows), dtype, rows.data, start, rows.strides[:1])


def _as_one(rows: NDArray[Any]) -> Any:
    """The bytes of each row as one value."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}")[:, 0]


class _Ends:
    """Bytes of each series, filled up to be as long as the longest."""

    def __init__(self, each: Sequence[bytes]) -> None:
        self._lengths = list(map(len, each))
        self.width = max(self._lengths)
        #: Whether all have the same length, and whether they are the same.
        self.are_as_long = min(self._lengths) == self.width
        self.are_same = self.are_as_long and each.count(each[0]) == len(each)
        self.first = each[0]
        self._each = each

    def of(self, series_of: Rows) -> Any:
        """The bytes of each row's series."""
        content = b"".join(self._each if self.are_as_long else [one.ljust(self.width) for one in self._each])
        return np.frombuffer(content, f"V{self.width}")[series_of]

    def are_there(self, series_of: Rows) -> Mask:
        """Which of them are each row's own."""
        return (np.arange(self.width) < np.array(self._lengths)[:, None])[series_of]


class _Table:
    """Messages with all bytes that any of them may have, a row each, and which of these it has not."""

    def __init__(self, count: int, field: int, heads: _Ends, tails: _Ends, *, has_nanos: bool) -> None:
        """``heads`` and ``tails``: the bytes before the moment, and after the value."""
        moment = 1 + _DIGITS + (1 + _DIGITS if has_nanos else 0)
        self._heads, self._tails = heads, tails
        self._head = slice(2, 2 + heads.width)
        self._moment = slice(self._head.stop + 2, self._head.stop + 2 + moment)
        self._seconds = slice(self._moment.start + 1, self._moment.start + 1 + _DIGITS)
        start = self._moment.stop + len(VALUE_HEAD)
        self._value = slice(start, start + _DOUBLE)
        self._tail = slice(self._value.stop, self._value.stop + tails.width)
        #: The bytes of a row.
        self.width = self._tail.stop
        row = bytearray(self.width)
        row[: self._head.start] = field << 3 | LENGTH_DELIMITED, (self.width - 2) & _LONGEST
        row[self._head.stop : self._seconds.start] = _MOMENT_TAG, moment, _SECONDS_TAG
        row[self._moment.stop : start] = VALUE_HEAD
        if tails.are_same:
            row[self._tail] = tails.first
        self._content = row * count
        self._rows: Bytes = np.frombuffer(self._content, np.uint8).reshape(count, self.width)
        self._keep: Mask | None = None

    def write(self, points: Points, seconds: Timestamps) -> None:
        """Write all but what is less than a second."""
        digits = _digits(seconds)
        # Numbers are written whole, which is several times as fast as to write their bytes.
        self._column(self._seconds.start, "<u4")[:] = digits & 0xFFFFFFFF
        self._column(self._seconds.stop - 1, "u1")[:] = digits >> 32
        self._column(self._value.start, "<f8")[:] = points.values
        self._column(self._head.start, f"V{self._heads.width}")[:] = self._heads.of(points.series_of)
        if not self._tails.are_same:
            self._column(self._tail.start, f"V{self._tails.width}")[:] = self._tails.of(points.series_of)

    def write_nanos(self, nanos: Timestamps) -> None:
        """Write the nanoseconds of moments; those that are 0 are left out."""
        tag = self._seconds.stop
        is_there = nanos[:, None] >= _LIMITS
        digits = nanos[:, None] >> _SHIFTS & _SEVEN_BITS
        digits[:, :-1] |= is_there[:, 2:] * _MORE
        self._rows[:, tag] = _NANOS_TAG
        self._column(tag + 1, f"V{_DIGITS}")[:] = _as_one(digits.astype(np.uint8))
        self._rows[:, self._moment.start - 1] -= self._leave_out(slice(tag, self._moment.stop), is_there)

    def leave_out_ends(self, series_of: Rows) -> None:
        """Leave out what fills up shorter ones."""
        for place, ends in ((self._head, self._heads), (self._tail, self._tails)):
            if not ends.are_as_long:
                self._leave_out(place, ends.are_there(series_of))

    def packed(self) -> bytes:
        """All messages, one after the other."""
        return bytes(self._content) if self._keep is None else self._rows[self._keep].tobytes()

    def _column(self, start: int, dtype: str) -> Any:
        return _column(self._rows, start, dtype)

    def _leave_out(self, place: slice, is_there: Mask) -> Bytes:
        """Leave out bytes that are not there; return how many each row lacks of these."""
        if self._keep is None:
            self._keep = np.ones(self._rows.shape, np.bool_)
        width = is_there.shape[1]
        _column(self._keep, place.start, f"V{width}")[:] = _as_one(is_there)
        missing: Bytes = np.uint8(width) - np.add.reduce(is_there, axis=1, dtype=np.uint8)
        self._rows[:, 1] -= missing
        return missing
