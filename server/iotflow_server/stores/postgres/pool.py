"""Connections to PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import use_microseconds
from iotflow_server.stores.postgres.errors import translated

Connection = asyncpg.pool.PoolConnectionProxy


class PostgresPool:
    """A pool that can be opened again and again until the server is there, and survives its restarts."""

    def __init__(self, dsn: str, size: int, timeout: float) -> None:
        self._dsn = dsn
        self._size = size
        self._timeout = timeout
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        #: Where the server is, without user and password.
        self.place = _place(dsn)

    async def open(self) -> None:
        """Connect; nothing where it is connected.

        :raises StoreUnavailableError: the server does not answer.
        """
        async with self._opening:
            if self._pool is not None:
                return
            with translated(self.place):
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=1,
                    max_size=self._size,
                    timeout=self._timeout,
                    command_timeout=self._timeout,
                    init=use_microseconds,
                    max_inactive_connection_lifetime=60,
                    server_settings={"application_name": "iotflow-server", "timezone": "UTC"},
                )

    async def close(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(self._timeout):
                    await pool.close()
            except (TimeoutError, OSError, asyncpg.InterfaceError):
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection; errors within the block become errors of the store."""
        if self._pool is None:
            await self.open()
        if self._pool is None:
            raise StoreUnavailableError(StoreName.POSTGRES, f"{self.place} is closed")
        with translated(self.place):
            async with self._pool.acquire(timeout=self._timeout) as connection:
                yield connection


def _place(dsn: str) -> str:
    parts = urlsplit(dsn)
    host = parts.hostname or "a Unix socket"
    return f"{host}:{parts.port or 5432}{parts.path}"
