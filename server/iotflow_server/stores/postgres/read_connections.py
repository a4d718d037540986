"""Connections that only read, one statement at a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import asyncpg

from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.errors import store_error
from iotflow_server.stores.postgres.room import Room

_IDLE_SECONDS: Final = 60.0
_PARTING_SECONDS: Final = 2.0
#: Every statement is about few series by the primary key, however many partitions there are. To plan that anew for
#: each call would take longer than to do it, and a sort or a bitmap would read a whole range where its beginning is
#: asked for. No series comes twice, so to remember what was found of each is in vain.
PLANNING: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "enable_memoize": "off",
    "jit": "off",
}


class ReadConnections:
    """At most ``size`` connections, made when needed, to the server that :class:`PostgresPool` writes to.

    They are no pool of asyncpg, whose borrowing, resetting and giving back cost more than a short read itself:
    nothing that reads changes its connection.
    """

    def __init__(self, dsn: str, place: str, size: int, timeout: float) -> None:
        """``timeout``: longest wait for one answer, in seconds. ``place``: where the server is, for messages."""
        self._dsn = dsn
        self._place = place
        self._timeout = timeout
        self._room = Room(size)
        self._idle: list[tuple[asyncpg.Connection, float]] = []
        self._parting: set[asyncio.Task[None]] = set()
        self._is_open = False

    def open(self) -> None:
        """Allow reading; the first read connects."""
        self._is_open = True

    async def close(self) -> None:
        """Close all connections; those in use when they have answered."""
        self._is_open = False
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            self._part(connection)
        await asyncio.gather(*self._parting)

    async def fetch(self, statement: str, *parameters: Any) -> list[asyncpg.Record]:
        """Return the rows of a statement; timestamptz goes in and out as microseconds since 2000.

        Where the caller is cancelled, the server is told to stop, and the connection is given up.
        """
        # Without a context manager, which would cost more than all else here.
        try:
            if not self._room.enter():
                await self._room.wait(self._timeout)
            try:
                return await self._fetch(self._idle_one() or await self._connected(), statement, parameters)
            finally:
                self._room.leave()
        except Exception as error:
            if (found := store_error(error, self._place)) is None:
                raise
            raise found from error

    async def _fetch(
        self, connection: asyncpg.Connection, statement: str, parameters: tuple[Any, ...]
    ) -> list[asyncpg.Record]:
        is_sound = False
        try:
            rows = await connection.fetch(statement, *parameters)
            is_sound = True
        except asyncpg.PostgresError:
            is_sound = not connection.is_closed()
            raise
        finally:
            if is_sound and self._is_open:
                self._idle.append((connection, time.monotonic()))
            else:
                self._part(connection)
        return rows

    def _idle_one(self) -> asyncpg.Connection | None:
        if not self._is_open:
            raise StoreUnavailableError(StoreName.POSTGRES, f"{self._place} is closed")
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.is_closed() and time.monotonic() - since < _IDLE_SECONDS:
                return connection
            self._part(connection)
        return None

    async def _connected(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=self._timeout,
            command_timeout=self._timeout,
            max_cached_statement_lifetime=0,
            server_settings={
                "application_name": "iotflow-server",
                "timezone": "UTC",
                "default_transaction_read_only": "on",
                # What nobody waits for any more is not worked on, whether or not this process could say so.
                "statement_timeout": f"{int(self._timeout * 1000) + 1000}ms",
                "client_connection_check_interval": "500ms",
                "tcp_keepalives_idle": f"{int(_IDLE_SECONDS)}",
                **PLANNING,
            },
        )
        try:
            await connection.set_builtin_type_codec("timestamptz", schema="pg_catalog", codec_name="int8")
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _part(self, connection: asyncpg.Connection) -> None:
        task = asyncio.get_running_loop().create_task(_close(connection))
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)


async def _close(connection: asyncpg.Connection) -> None:
    """Close a connection in good order, which tells the server first to stop a statement that was cancelled."""
    try:
        await connection.close(timeout=_PARTING_SECONDS)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
