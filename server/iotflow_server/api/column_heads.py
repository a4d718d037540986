"""Remembers how columns begin: fleets send the same names with the same kinds of values again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from iotflow_server.api.wire_scan import UnusualError
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.frame_builder import Series

#: Tags of Column.
NAME: Final = 0x0A
TEXT: Final = 0x22
#: Stands for the size of texts, which have none in common.
TEXT_SIZE: Final = 0
#: JSON is not among them: it is read value by value in any case.
_KINDS: Final = {
    0x12: (Kind.NUMERIC, 8),
    0x1A: (Kind.INTEGER, 8),
    TEXT: (Kind.TEXT, TEXT_SIZE),
    0x2A: (Kind.BOOLEAN, 1),
}
#: Begun anew beyond so many.
_MOST: Final = 100_000
_MOST_SHAPES: Final = 10_000
#: Batches of more series are not remembered: many of them would take more memory than all that is under way may.
_MOST_SERIES: Final = 256

#: Series, and where the values are numbers, the bytes of one.
Head = tuple[Series, int]
#: Series, bytes of all numbers, and how many they are.
Short = tuple[Series, int, int]


class ColumnHeads:
    """The heads of columns whose names have less than 128 bytes, and of which ``fault`` finds nothing wrong.

    The head of a column is all from its first byte to the tag of its values.
    """

    def __init__(self, fault: Callable[[str], str | None], prefix: str = "") -> None:
        self._fault = fault
        self._prefix = prefix
        self._known: dict[bytes, Head] = {}
        self._short: dict[bytes, Short] = {}
        #: The head that certain bytes are, if they were met already.
        self.known = self._known.get
        #: The same for all of a short column before its numbers: its tag, its size, its head, the size of its values.
        self.short = self._short.get

    def learn(self, head: bytes) -> Head:
        """The head that some bytes are.

        :raises UnusualError: they are none.
        :raises UnicodeDecodeError: neither.
        """
        known = _KINDS.get(head[-1])
        if known is None or head[0] != NAME or len(head) != 3 + head[1]:
            raise UnusualError
        name = head[2:-1].decode()
        if self._fault(name) is not None:
            raise UnusualError
        if len(self._known) == _MOST:
            self._known.clear()
        kind, size = known
        learnt = self._known[head] = (self._prefix + name, kind), size
        return learnt

    def learn_short(self, before: bytes, short: Short) -> None:
        """Remember what stands before numbers that end their column."""
        if len(self._short) == _MOST:
            self._short.clear()
        self._short[before] = short


class Shapes:
    """The series that batches have together, none of them twice; one tuple for all batches that are alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[Series, ...], tuple[Series, ...]] = {}

    def of(self, series: Sequence[Series]) -> tuple[Series, ...]:
        """The shape of a batch.

        :raises UnusualError: a name comes twice.
        """
        found = tuple(series)
        return self._known.get(found) or self._learn(found)

    def _learn(self, series: tuple[Series, ...]) -> tuple[Series, ...]:
        if len({name for name, _ in series}) < len(series):
            raise UnusualError
        if len(series) <= _MOST_SERIES:
            if len(self._known) == _MOST_SHAPES:
                self._known.clear()
            self._known[series] = series
        return series

    def __len__(self) -> int:
        return len(self._known)
