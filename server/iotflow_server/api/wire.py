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

    def SerializeToString(self) -> bytes:  # noqa: N802
        """The message in the wire format."""


@dataclass(frozen=True, slots=True)
class WireResponse:
    """A message that is bytes already."""

    data: bytes

    def SerializeToString(self) -> bytes:  # noqa: N802
        """The bytes."""
        return self.data


class WireRows:
    """Bytes of many messages side by side, one message a row, written column by column.

    A column is one byte of each message, which some of them may lack.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._columns: list[tuple[Bytes | int, Mask | None]] = []

    def byte(self, value: Bytes | int, mask: Mask | None = None) -> None:
        """A byte; ``mask`` says which messages have it, None that all do."""
        self._columns.append((value, mask))

    def fixed64(self, values: NDArray[np.float64], mask: Mask | None = None) -> None:
        """Doubles."""
        for place in values.astype("<f8").view(np.uint8).reshape(-1, 8).T:
            self.byte(place, mask)

    def varint(self, values: NDArray[np.int64], mask: Mask | None = None) -> None:
        """Integers; negative ones take ten bytes."""
        unsigned = values.view(np.uint64)
        first, last = int(unsigned.min()), int(unsigned.max())
        # All have the digits that the least has.
        least, most = _digits(first), _digits(last)
        for place in range(most):
            if place < least and first >> _BITS * place == last >> _BITS * place:
                # What lies between has the same digits from here on.
                self._constant(first >> _BITS * place, mask)
                return
            rest = unsigned >> np.uint64(_BITS * place)
            own = mask if place < least else _both(rest != 0, mask)
            digits = rest.astype(np.uint8) & np.uint8(_MORE - 1)
            if place < least - 1:
                self.byte(digits | np.uint8(_MORE), own)
            else:
                self.byte(np.where(rest >> np.uint64(_BITS) != 0, digits | np.uint8(_MORE), digits), own)

    def _constant(self, value: int, mask: Mask | None) -> None:
        """One integer, not negative, in all."""
        while value >= _MORE:
            self.byte(value & _MORE - 1 | _MORE, mask)
            value >>= _BITS
        self.byte(value, mask)

    def one_of(self, strings: Sequence[bytes], string_of: Rows) -> None:
        """For each message one of some byte strings, each of which has at least one byte."""
        width = max(map(len, strings))
        padded = np.frombuffer(b"".join(string.ljust(width, b"\0") for string in strings), np.uint8)
        lengths = np.array(list(map(len, strings)))
        for place in range(width):
            is_there = lengths > place
            self.byte(padded[place::width][string_of], None if is_there.all() else is_there[string_of])

    def append(self, other: WireRows) -> None:
        """The columns of others, of as many messages."""
        self._columns += other._columns

    def lengths(self) -> NDArray[np.int64]:
        """The bytes of each message."""
        always = sum(mask is None for _, mask in self._columns)
        found = np.full(self._count, always, np.int64)
        for _, mask in self._columns:
            if mask is not None:
                found += mask
        return found

    def packed(self) -> bytes:
        """All messages, one after the other."""
        found = np.empty((len(self._columns), self._count), np.uint8)
        for place, (value, _) in enumerate(self._columns):
            found[place] = value
        masks = [(place, mask) for place, (_, mask) in enumerate(self._columns) if mask is not None]
        if not masks:
            return found.T.tobytes()
        is_there = np.ones(found.shape, np.bool_)
        for place, mask in masks:
            is_there[place] = mask
        return found.T[is_there.T].tobytes()


def _digits(value: int) -> int:
    return max(-(-value.bit_length() // _BITS), 1)


def _both(one: Mask, other: Mask | None) -> Mask:
    return one if other is None else one & other
