"""Answers as their bytes, for those that would take long to make of messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Rows

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_BITS: Final = 7
_MORE: Final = 0x80


class Response(Protocol):
    """What a call is answered with: a message, or its bytes."""

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """The message in the wire format."""


@dataclass(frozen=True, slots=True)
class WireResponse:
    """A message that is bytes already."""

    data: bytes

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """The bytes."""
        return self.data


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Bytes side by side, the same in all messages or a column of them for each; ``mask`` says by message, or by byte
    of each, which are there."""

    content: bytes | Bytes
    width: int
    mask: Mask | None

    @property
    def lengths(self) -> NDArray[np.int64] | int:
        """Bytes that each message has of it."""
        if self.mask is None:
            return self.width
        return self.mask * np.int64(self.width) if self.mask.ndim == 1 else self.mask.sum(axis=0, dtype=np.int64)


class WireRows:
    """Bytes of many messages side by side, one message a column, written block by block.

    Blocks are few, and hold some bytes of each message, which some messages may lack: what counts for short answers is
    how often numpy is called, not how many bytes it moves.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._blocks: list[_Block] = []

    def constant(self, content: bytes, mask: Mask | None = None) -> None:
        """Bytes that are the same in all; ``mask`` says which messages have them, None that all do."""
        self._blocks.append(_Block(content, len(content), mask))

    def byte(self, values: Bytes, mask: Mask | None = None) -> None:
        """A byte."""
        self._blocks.append(_Block(values[None], 1, mask))

    def fixed64(self, values: NDArray[np.float64], mask: Mask | None = None) -> None:
        """Doubles."""
        content = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8).T
        self._blocks.append(_Block(content, 8, mask))

    def varint(self, values: NDArray[np.int64], mask: Mask | None = None) -> None:
        """Integers; negative ones take ten bytes."""
        unsigned = values.view(np.uint64)
        first, last = int(unsigned.min()), int(unsigned.max())
        # All have the digits that the least has, and what lies between has the same last ones as both.
        least, most = _digits(first), _digits(last)
        varying = next((place for place in range(least) if first >> _BITS * place == last >> _BITS * place), most)
        if varying:
            self._digits_of(unsigned, least, varying, most, mask)
        if varying < least:
            self.constant(varint(first >> _BITS * varying), mask)

    def _digits_of(self, unsigned: NDArray[np.uint64], least: int, count: int, most: int, mask: Mask | None) -> None:
        """The first ``count`` digits, of which all have ``least`` and some have ``most``."""
        rest = unsigned >> np.arange(0, _BITS * count, _BITS, dtype=np.uint64)[:, None]
        digits = rest.astype(np.uint8)
        if count < least:
            digits |= np.uint8(_MORE)
        elif least == most:
            digits[:-1] |= np.uint8(_MORE)
            digits[-1] &= np.uint8(_MORE - 1)
        else:
            digits &= np.uint8(_MORE - 1)
            digits[rest >= _MORE] |= np.uint8(_MORE)
            is_there = rest != 0
            is_there[0] = True
            mask = is_there if mask is None else is_there & mask
        self._blocks.append(_Block(digits, count, mask))

    def one_of(self, strings: Sequence[bytes], string_of: Rows) -> None:
        """For each message one of some byte strings, each of which has at least one byte."""
        lengths = np.array(list(map(len, strings)))
        width = int(lengths.max())
        padded = np.frombuffer(b"".join([string.ljust(width, b"\0") for string in strings]), np.uint8)
        content = padded.reshape(-1, width).T.take(string_of, axis=1)
        is_there = np.arange(width)[:, None] < lengths
        self._blocks.append(_Block(content, width, None if is_there.all() else is_there[:, string_of]))

    def append(self, other: WireRows) -> None:
        """The blocks of others, of as many messages."""
        self._blocks += other._blocks

    @property
    def lengths(self) -> NDArray[np.int64] | int:
        """The bytes of each message; one number where all have the same."""
        found: NDArray[np.int64] | int = sum([block.lengths for block in self._blocks])
        return found

    def packed(self) -> bytes:
        """All messages, one after the other."""
        width = sum(block.width for block in self._blocks)
        found = np.empty((width, self._count), np.uint8)
        found[:] = np.frombuffer(b"".join([_same(block) for block in self._blocks]), np.uint8)[:, None]
        is_there = None if all(block.mask is None for block in self._blocks) else np.ones(found.shape, np.bool_)
        place = 0
        for block in self._blocks:
            own, place = slice(place, place + block.width), place + block.width
            if not isinstance(block.content, bytes):
                found[own] = block.content
            if is_there is not None and block.mask is not None:
                is_there[own] = block.mask
        return found.T.tobytes() if is_there is None else found.T[is_there.T].tobytes()


def varint(value: int) -> bytes:
    """An integer that is not negative."""
    digits = bytearray()
    while value >= _MORE:
        digits.append(value & _MORE - 1 | _MORE)
        value >>= _BITS
    digits.append(value)
    return bytes(digits)


def _same(block: _Block) -> bytes:
    return block.content if isinstance(block.content, bytes) else bytes(block.width)


def _digits(value: int) -> int:
    return max(-(-value.bit_length() // _BITS), 1)
