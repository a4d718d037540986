"""Answers as their bytes, for those that would take long to make of messages."""

from __future__ import annotations

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
        left = values.view(np.uint64)
        own = np.ones(self._count, np.bool_) if mask is None else mask
        while own.any():
            rest = left >> np.uint64(_BITS)
            is_more = rest != 0
            digits = (left & np.uint64(_MORE - 1)).astype(np.uint8)
            self.byte(digits | (is_more.astype(np.uint8) << _BITS), None if own.all() else own)
            left, own = rest, own & is_more

    def table(self, rows: list[bytes], row_of: Rows) -> None:
        """For each message one of some byte strings."""
        width = max(map(len, rows), default=0)
        padded = np.frombuffer(b"".join(row.ljust(width, b"\0") for row in rows), np.uint8).reshape(-1, width)
        lengths = np.array(list(map(len, rows)))
        for place in range(width):
            is_there = lengths > place
            self.byte(padded[row_of, place], None if is_there.all() else is_there[row_of])

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
        found = np.empty((self._count, len(self._columns)), np.uint8)
        is_there: Mask | None = None
        for place, (value, mask) in enumerate(self._columns):
            found[:, place] = value
            if mask is not None:
                if is_there is None:
                    is_there = np.ones(found.shape, np.bool_)
                is_there[:, place] = mask
        return (found if is_there is None else found[is_there]).tobytes()
