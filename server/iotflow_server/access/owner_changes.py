"""Tells every process that serves a deployment of a change of owner, before the change is acknowledged.

Each process listens on a session of PostgreSQL of its own. An advisory lock of that session names the change it has
heard last, so that anybody sees who has heard what; a process that dies leaves nothing behind, for its locks go with
its session. Changes are made one at a time, and nobody begins to listen during one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import datetime_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool

#: A listener makes sure so often that its session still is one. PostgreSQL itself waits for a minute and more
#: before it gives up a session that it hears nothing from.
HEARTBEAT_SECONDS: Final = 5.0
_LOOK_AGAIN_SECONDS: Final = 0.005
_CHANNEL: Final = "iotflow_owner_changes"
_TURN_LOCK: Final = 0x696F_7466_6C6F_7703
#: The first half of the locks that name the last change heard; the second half is its number, 0 for none.
_HEARD_LOCK: Final = 0x696F_7466

_CHANGE = f"""
WITH changed AS (
    UPDATE devices SET user_id = $2 WHERE device_id = $1
    RETURNING registered_at, pg_current_xact_id()::text::bigint % 2147483647 + 1 AS number
)
SELECT registered_at, number, pg_notify('{_CHANNEL}', concat_ws(' ', number, $1::integer, $2::integer)) FROM changed
"""
_DEAF = """
SELECT DISTINCT pid FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND classid = $1 AND objid <> $2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_HEARD = "SELECT pg_advisory_lock_shared($1, $3), pg_advisory_unlock_shared($1, $2)"

Tell = Callable[[int, int], None]


class Listener:
    """Hears of changes as long as its session lasts."""

    def __init__(self, connection: Connection, tell: Tell) -> None:
        self._connection = connection
        self._tell = tell
        self._is_lost = False
        self._heard: asyncio.Queue[int] = asyncio.Queue()
        self._last = 0

    @property
    def is_live(self) -> bool:
        """Whether nothing can have been missed."""
        return not self._is_lost and not self._connection.is_closed()

    async def begin(self) -> None:
        """Listen from here on."""
        self._connection.add_termination_listener(self._lost)
        await self._connection.execute("SELECT pg_advisory_lock_shared($1)", _TURN_LOCK)
        await self._connection.add_listener(_CHANNEL, self._hear)
        await self._connection.execute("SELECT pg_advisory_lock_shared($1, $2)", _HEARD_LOCK, self._last)
        await self._connection.execute("SELECT pg_advisory_unlock_shared($1)", _TURN_LOCK)

    async def follow(self) -> None:
        """Confirm what is heard, until the session is lost.

        :raises StoreUnavailableError: it is.
        """
        while self.is_live:
            number = await self._next()
            await self._connection.execute(_HEARD, _HEARD_LOCK, self._last, number)
            self._last = number
        raise StoreUnavailableError(StoreName.POSTGRES, "the session that hears of changes of owner was lost")

    async def end(self) -> None:
        """Hear no more. The locks go with the connection's return to the pool."""
        if self.is_live:
            self._is_lost = True
            self._connection.remove_termination_listener(self._lost)
            await self._connection.remove_listener(_CHANNEL, self._hear)

    async def _next(self) -> int:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                return await self._heard.get()
        except TimeoutError:
            return self._last

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        number, device_id, user_id = map(int, str(payload).split())
        self._tell(device_id, user_id)
        self._heard.put_nowait(number)

    def _lost(self, _connection: Any) -> None:
        self._is_lost = True
        self._heard.put_nowait(self._last)


class OwnerChanges:
    """Makes changes of owner, and hears of them."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def listening(self, tell: Tell) -> AsyncIterator[Listener]:
        """Call ``tell`` with device_id and user_id of each change, as long as the listener within is followed.

        :raises StoreUnavailableError: PostgreSQL is away.
        """
        async with self._pool.session() as connection:
            listener = Listener(connection, tell)
            try:
                await listener.begin()
                yield listener
            except StoreError:
                await listener.end()
                raise

    async def make(self, device_id: int, user_id: int) -> RegisteredDevice:
        """Give a device that exists to another user; on return every listener has been told.

        :raises StoreUnavailableError: PostgreSQL is away, or a listener does not confirm; to do it again is harmless.
        """
        # The lock goes with the connection's return to the pool.
        async with self._pool.session() as connection:
            await connection.execute("SELECT pg_advisory_lock($1)", _TURN_LOCK)
            row = await connection.fetchrow(_CHANGE, device_id, user_id)
            if row is None:
                raise LookupError(f"device {device_id} is not registered")
            await self._heard_by_all(connection, row["number"])
        return RegisteredDevice(device_id, user_id, datetime_of(row["registered_at"]))

    async def _heard_by_all(self, connection: Connection, number: int) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._pool.timeout
        while deaf := await connection.fetch(_DEAF, _HEARD_LOCK, number):
            if loop.time() > deadline:
                sessions = ", ".join(str(row["pid"]) for row in deaf)
                raise StoreUnavailableError(
                    StoreName.POSTGRES,
                    f"the change is made, but not confirmed by the server processes with the sessions {sessions}",
                )
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
