"""Remembers how columns begin: fleets send the same names with the same kinds of values again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from iotflow_server.api.wire_scan import UnusualError
from iotflow_server.stores.batch import Kind

#: Tags of Column.
NAME: Final = 0x0A
TEXT: Final = 0x22
#: JSON is not among them: it is read value by value in any case.
_KINDS: Final = {
    0x12: (Kind.NUMERIC, 8),
    0x1A: (Kind.INTEGER, 8),
    TEXT: (Kind.TEXT, 0),
    0x2A: (Kind.BOOLEAN, 1),
}
#: Begun anew beyond so many.
_MOST: Final = 100_000

#: Series, kind, and where the values are numbers, the bytes of one.
Head = tuple[str, Kind, int]


class ColumnHeads:
    """The heads of columns whose names have less than 128 bytes, and of which ``fault`` finds nothing wrong.

    The head of a column is all from its first byte to the tag of its values.
    """

    def __init__(self, fault: Callable[[str], str | None], prefix: str = "") -> None:
        self._fault = fault
        self._prefix = prefix
        self._known: dict[bytes, Head] = {}
        #: The head that certain bytes are, if they were met already.
        self.known = self._known.get

    def learn(self, head: bytes) -> Head:
        """The head that some bytes are.

        :raises UnusualError: they are none.
        :raises UnicodeDecodeError: neither.
        """
        kind = _KINDS.get(head[-1])
        if kind is None or head[0] != NAME or len(head) != 3 + head[1]:
            raise UnusualError
        name = head[2:-1].decode()
        if self._fault(name) is not None:
            raise UnusualError
        if len(self._known) == _MOST:
            self._known.clear()
        learnt = self._known[head] = (self._prefix + name, *kind)
        return learnt
