"""Messages that are much alike, as the rows of a table of bytes: its columns are written at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.api.times import SECOND
from iotflow_server.api.wire import Bytes, Mask
from iotflow_server.stores.batch import Rows, Timestamps

#: The length of a longer message takes two bytes.
LONGEST: Final = 0x7F
#: Bytes of the seconds of a moment from 1978 on, for a thousand years.
DIGITS: Final = 5
_FIRST_SECOND, _END_SECOND = 1 << 28, 1 << 35
#: All of these but the last say that another one follows.
_FOUR_MORE: Final = 0x80808080


def split_moments(moments: Timestamps) -> tuple[Timestamps, Timestamps | None] | None:
    """The seconds of moments, and the microseconds beyond, None where all have none; None where the seconds of one
    have not :data:`DIGITS` bytes."""
    seconds, rest = np.divmod(moments, SECOND)
    if seconds.min() < _FIRST_SECOND or seconds.max() >= _END_SECOND:
        return None
    return seconds, rest if np.count_nonzero(rest) else None


class Strings:
    """Byte strings, filled up to be as long as the longest."""

    def __init__(self, each: Sequence[bytes]) -> None:
        self._lengths = list(map(len, each))
        self._each = each
        self.width = max(self._lengths)
        #: Whether all have the same length, and whether they are the same.
        self.are_as_long = min(self._lengths) == self.width
        self.are_same = self.are_as_long and each.count(each[0]) == len(each)

    @property
    def first(self) -> bytes:
        """The first of them."""
        return self._each[0]

    def of(self, string_of: Rows) -> Any:
        """For each row one of them."""
        content = b"".join(self._each if self.are_as_long else [one.ljust(self.width) for one in self._each])
        return np.frombuffer(content, f"V{self.width}")[string_of]

    def are_there(self, string_of: Rows) -> Mask:
        """Which bytes of each row's are its own."""
        return (np.arange(self.width) < np.array(self._lengths)[:, None])[string_of]


class MessageTable:
    """Messages with all bytes that any of them may have, a row each, and which of these it has not.

    The second byte of a row is the length of the others.
    """

    def __init__(self, row: bytes, count: int) -> None:
        self._content = bytearray(row) * count
        self.rows: Bytes = np.frombuffer(self._content, np.uint8).reshape(count, len(row))
        self._keep: Mask | None = None

    def numbers(self, start: int, numbers: NDArray[Any], dtype: str) -> None:
        """Write a number of each row from a byte on, whole: several times as fast as its bytes."""
        _column(self.rows, start, dtype)[:] = numbers

    def seconds(self, start: int, seconds: Timestamps) -> None:
        """Write seconds of moments as varints."""
        halves = seconds & 0x3FFF | (seconds & 0xFFFC000) << 2
        four = halves & 0x7F007F | (halves & 0x3F803F80) << 1
        self.numbers(start, four | _FOUR_MORE, "<u4")
        self.numbers(start + DIGITS - 1, seconds >> 28, "u1")

    def strings(self, start: int, strings: Strings, string_of: Rows) -> None:
        """Write one of some strings in each row."""
        if strings.width:
            self.numbers(start, strings.of(string_of), f"V{strings.width}")
            if not strings.are_as_long:
                self.leave_out(start, strings.are_there(string_of))

    def write(self, start: int, content: Bytes) -> None:
        """Write a row of bytes in each."""
        self.numbers(start, _as_one(content), f"V{content.shape[1]}")

    def leave_out(self, start: int, is_there: Mask) -> Bytes:
        """Leave out those bytes that are not there; return how many each row lacks of these."""
        if self._keep is None:
            self._keep = np.ones(self.rows.shape, np.bool_)
        width = is_there.shape[1]
        _column(self._keep, start, f"V{width}")[:] = _as_one(is_there)
        missing: Bytes = np.uint8(width) - np.add.reduce(is_there, axis=1, dtype=np.uint8)
        self.rows[:, 1] -= missing
        return missing

    def packed(self) -> bytes:
        """All messages, one after the other."""
        return bytes(self._content) if self._keep is None else self.rows[self._keep].tobytes()


def _column(rows: NDArray[Any], start: int, dtype: str) -> Any:
    """What the rows of a table of bytes have from ``start`` on, as one value of each."""
    return np.ndarray(len(rows), dtype, rows.data, start, rows.strides[:1])


def _as_one(rows: NDArray[Any]) -> Any:
    """The bytes of each row as one value."""
    return np.ascontiguousarray(rows).view(f"V{rows.shape[1]}")[:, 0]
