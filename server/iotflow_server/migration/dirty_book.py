"""Where dirty ranges are kept, and taken from for repair."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded range. ``written_since``: only what PostgreSQL has got from then on, in microseconds since 1970."""

    id: int
    store: StoreName
    range: DirtyRange
    written_since: int | None = None
    #: Seconds since 1970, where it is known.
    noted_at: float = 0.0


class DirtyBook(Protocol):
    """Keeps ranges durably; each that is claimed is repaired by one repairer at a time."""

    async def count(self, store: StoreName) -> int:
        """Ranges in which a store may differ."""

    async def claim(self, stores: Sequence[StoreName], *, besides: Collection[int] = ()) -> Entry | None:
        """Return the oldest range of these stores, for repair, or None. ``stores`` are the primary first.

        Entries whose ids are in ``besides`` are passed over. No range of another store is repaired from the primary
        while the primary itself may lack something of that device: it would be deleted there.

        Until it is released, a range added later is recorded even where it lies within the claimed one: the repair
        may have passed it already.
        """

    async def release(self, entry: Entry) -> None:
        """Give a claimed range back as it is now."""

    async def shrink(self, entry: Entry, start: int) -> Entry:
        """Record that a claimed range is repaired up to ``start``; return what remains."""

    async def split(self, entry: Entry, parts: Sequence[DirtyRange]) -> None:
        """Replace a claimed range by parts, none where it is repaired."""
