"""Finds fields in the bytes of a message, where they stand as encoders write them."""

from __future__ import annotations

from typing import Final

_MORE: Final = 0x80
#: Of the largest number.
_BITS: Final = 64


class UnusualError(Exception):
    """Bytes that are no message, or stand as encoders hardly ever write them: protobuf's own parser knows."""


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """The unsigned number that begins at ``at``, and where it ends."""
    byte = raw[at]
    if byte < _MORE:
        return byte, at + 1
    value = byte & 0x7F
    for shift in range(7, 64, 7):
        at += 1
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            if value >> _BITS:
                # Protobuf's parser cuts it off.
                raise UnusualError
            return value, at + 1
    raise UnusualError


def varints(raw: bytes, at: int, stop: int) -> list[int]:
    """The unsigned numbers between two places."""
    found = []
    while at < stop:
        value, at = varint(raw, at)
        found.append(value)
    if at > stop:
        raise UnusualError
    return found


def piece(raw: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the bytes whose length stands at ``at`` begin and stop, which is not after ``end``."""
    size = raw[at]
    if size < _MORE:
        start = at + 1
    else:
        size, start = varint(raw, at)
    stop = start + size
    if stop > end:
        raise UnusualError
    return start, stop
