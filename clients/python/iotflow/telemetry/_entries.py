"""Entries of a spool: what is written to disk, sent and forgotten as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PAGE_BYTES: Final = 4096
#: What SQLite adds to a payload: the other columns, its headers and its place in a page.
_ROW_BYTES: Final = 48
_OVERFLOW_BYTES: Final = PAGE_BYTES - 4


@dataclass(slots=True, eq=False)
class Entry:
    """Batches that were sealed together, in the order of writing.

    ``payload`` is a WriteTelemetryStreamRequest without sequence, ``written_at`` in seconds since 1970. ``is_on_disk``
    is set from the moment at which it may be there.
    """

    id: int
    points: int
    written_at: float
    payload: bytes
    is_on_disk: bool = False

    @property
    def footprint(self) -> int:
        """Bytes it takes of the file."""
        return footprint(len(self.payload))


def footprint(nbytes: int) -> int:
    """Bytes that a payload takes of the file, at most: small ones share a page, others have pages of their own."""
    size = nbytes + _ROW_BYTES
    if size <= PAGE_BYTES // 4:
        return size * 4 // 3
    if size <= PAGE_BYTES - _ROW_BYTES:
        return PAGE_BYTES
    return (size // _OVERFLOW_BYTES + 2) * PAGE_BYTES
