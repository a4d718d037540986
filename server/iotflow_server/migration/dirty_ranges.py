"""All dirty ranges of an instance: those on its own disk, and those that all instances share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.merging import widened
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName


class DirtyRanges:
    """Implements :class:`routing.dirty.DirtyLog`.

    What PostgreSQL may lack is kept on local disk, for it may be away. What IoTDB may lack is kept in PostgreSQL, where
    it outlives the instance, and on local disk only where PostgreSQL does not take it, or where only this instance may
    repair it. While a transition may be undone others would do so in the wrong direction, if this one hears of it late.
    """

    def __init__(self, local: DirtyJournal, shared: PostgresDirty) -> None:
        self.local = local
        self.shared = shared

    async def add(self, store: StoreName, ranges: Sequence[DirtyRange], *, is_own: bool = False) -> None:
        """Return once ranges that cover these are durable, widened to multiples of the grain."""
        await self.add_exactly(store, [widened(dirty) for dirty in ranges], is_own=is_own)

    async def add_exactly(self, store: StoreName, ranges: Sequence[DirtyRange], *, is_own: bool = False) -> None:
        """Return once the ranges are durable."""
        if store is StoreName.IOTDB and not is_own:
            with suppress(StoreUnavailableError):
                await self.shared.add(store, ranges)
                return
        await self.local.add(store, ranges)

    async def count(self, store: StoreName) -> int:
        """Ranges of a store here and in PostgreSQL.

        :raises StoreUnavailableError: PostgreSQL is away.
        """
        return await self.local.count(store) + await self.shared.count(store)
