"""Connections to PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import use_microseconds
from iotflow_server.stores.postgres.errors import translated

Connection = asyncpg.pool.PoolConnectionProxy

#: A transaction whose process or machine has vanished lets go of its locks after so long.
_IDLE_SECONDS: Final = 60
_TELL: Final = "SELECT set_config('iotflow.marked_before', $1::timestamptz::text, false)"
_UNREADABLE: Final = "a DSN that is not of the form postgresql://user:password@host:port/database"


class PostgresPool:
    """A pool that can be opened again and again until the server is there, and survives its restarts."""

    def __init__(self, dsn: str, size: int, timeout: float) -> None:
        self._dsn = dsn
        self._size = size
        #: Longest wait for one answer, in seconds.
        self.timeout = timeout
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._marked_before: int | None = None
        #: Where the server is, without user and password.
        self.place = _place(dsn)

    async def open(self) -> None:
        """Get ready to connect; the first call does."""
        async with self._opening:
            if self._pool is not None:
                return
            with translated(self.place):
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    # asyncpg would log a traceback for each try to hold a connection to a server that is away.
                    min_size=0,
                    max_size=self._size,
                    timeout=self.timeout,
                    command_timeout=self.timeout,
                    init=self._prepare,
                    reset=_nothing_to_reset,
                    max_inactive_connection_lifetime=60,
                    server_settings={
                        "application_name": "iotflow-server",
                        "timezone": "UTC",
                        # What nobody waits for any more is not worked on.
                        "statement_timeout": f"{int(self.timeout * 1000) + 1000}ms",
                        "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
                        "tcp_keepalives_idle": f"{_IDLE_SECONDS}",
                    },
                )

    async def close(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(self.timeout):
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
            async with self._pool.acquire(timeout=self.timeout) as connection:
                try:
                    yield connection
                except (TimeoutError, asyncio.CancelledError):
                    # To end it in good order would be to wait for the same answer again.
                    if _is_open(connection):
                        connection.terminate()
                    raise

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """Borrow a connection to lock or listen with; neither outlasts the block."""
        async with self.connection() as connection:
            try:
                yield connection
            finally:
                if _is_open(connection):
                    await connection.reset(timeout=self.timeout)
                    await self._tell(connection)

    async def tell_marked_before(self, moment: int) -> None:
        """Tell the server from now on, by every connection, that changes before a moment are marked; see marks.py."""
        self._marked_before = moment
        if self._pool is not None:
            await self._pool.expire_connections()

    async def _prepare(self, connection: asyncpg.Connection) -> None:
        await use_microseconds(connection)
        await self._tell(connection)

    async def _tell(self, connection: asyncpg.Connection | Connection) -> None:
        if self._marked_before is not None:
            await connection.execute(_TELL, self._marked_before)


@asynccontextmanager
async def bounded(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """Bound the block in time, and end it as soon as the connection is lost.

    asyncpg's own time-out does not cover a COPY that waits for room to send: one whose server has died would wait
    for ever.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds) as scope:

        def lost(_: object) -> None:
            if not scope.expired():
                scope.reschedule(loop.time())

        connection.add_termination_listener(lost)
        try:
            yield
        finally:
            connection.remove_termination_listener(lost)


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """Run the block in a transaction; one that timed out or was cancelled ends with its connection."""
    own = connection.transaction()
    await own.start()
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        raise
    except BaseException:
        # Where the connection is lost, so is the transaction.
        with suppress(OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
            await own.rollback()
        raise
    await own.commit()


def rows_affected(status: str) -> int:
    """How many rows a command has changed, by what ``execute`` returns: DELETE 5, INSERT 0 5."""
    return int(status.rpartition(" ")[2])


def _is_open(connection: Connection) -> bool:
    with suppress(asyncpg.InterfaceError):
        return not connection.is_closed()
    # It was lost, and the pool has it back already. To raise here would be to end a cancelled block with another error.
    return False


async def _nothing_to_reset(_: object) -> None:
    """Spare each return of a connection a round trip: who changes a session borrows it as one."""


def _place(dsn: str) -> str:
    try:
        parts = urlsplit(dsn)
        port = parts.port or 5432
    except ValueError:
        return _UNREADABLE
    if parts.scheme not in ("postgres", "postgresql"):
        # Its form is not known, so that nobody knows where in it the password stands.
        return _UNREADABLE
    return f"{parts.hostname or 'a Unix socket'}:{port}{parts.path}"
