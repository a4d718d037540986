"""Locks of devices that all instances know: deletes keep copies away (docs/adr/0014)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from iotflow_server.stores.postgres.pool import PostgresPool

#: The first half of the locks; the second one is the device.
_LOCK: Final = 0x696F_7467
#: Each holds a connection beside the one that it works with.
_MOST_AT_ONCE: Final = 2


class DeviceLocks:
    """Every method may raise StoreUnavailableError. A lock goes with the process or the connection that holds it."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        self._copies = asyncio.Semaphore(_MOST_AT_ONCE)
        self._deletes = asyncio.Semaphore(_MOST_AT_ONCE)

    @asynccontextmanager
    async def copying(self, device_id: int) -> AsyncIterator[None]:
        """Keep deletes of a device away, from before the source is read until the copy is committed."""
        async with self._copies, self._pool.session() as connection:
            await connection.execute("SELECT pg_advisory_lock_shared($1, $2)", _LOCK, device_id)
            yield

    @asynccontextmanager
    async def deleting(self, device_id: int) -> AsyncIterator[None]:
        """Keep copies of a device away; those under way end first."""
        async with self._deletes, self._pool.session() as connection:
            await connection.execute("SELECT pg_advisory_lock($1, $2)", _LOCK, device_id)
            yield
