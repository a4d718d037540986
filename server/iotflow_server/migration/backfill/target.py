"""What a backfill needs of the store that it fills."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from iotflow_server.stores.batch import Batch


class Filling(Protocol):
    """Fills in what is missing of some devices, of which nothing is deleted meanwhile."""

    async def fill(self, batches: Sequence[Batch]) -> int:
        """Store what is missing of batches, and change nothing that is there; return how many points that was.

        :raises StoreRefusedError: a value is refused; nothing was stored of these batches.
        """


class Target(Protocol):
    """A store that can be filled; see stores/postgres/filling.py."""

    def filling(self, device_ids: Iterable[int]) -> AbstractAsyncContextManager[Filling]:
        """Keep deletes of devices away during the block, and fill."""
