"""The registry of devices as a table of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.stores.postgres.clock import datetime_of, microseconds_of
from iotflow_server.stores.postgres.pool import PostgresPool, rows_affected

_FETCH = "SELECT device_id, user_id, registered_at FROM devices"
_FIND = f"{_FETCH} WHERE device_id = ANY ($1::integer[])"
_OF_USER = f"{_FETCH} WHERE user_id = $1"
_IDS_OF_USER = "SELECT device_id FROM devices WHERE user_id = $1 ORDER BY device_id"
_LIST = f"{_FETCH} WHERE device_id > $1 ORDER BY device_id LIMIT $2"
_LIST_OF_USER = f"{_FETCH} WHERE device_id > $1 AND user_id = $3 ORDER BY device_id LIMIT $2"
_INSERT = """
INSERT INTO devices (device_id, user_id, registered_at)
SELECT * FROM unnest($1::integer[], $2::integer[], $3::timestamptz[])
ON CONFLICT (device_id) DO NOTHING
"""
_PUT = """
INSERT INTO devices (device_id, user_id, registered_at) VALUES ($1, $2, $3)
ON CONFLICT (device_id) DO UPDATE SET user_id = excluded.user_id
"""


class PostgresDevices:
    """Implements :class:`access.registry.DeviceTable`. Every method may raise StoreUnavailableError."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def fetch(self) -> Sequence[RegisteredDevice]:
        """Return all devices."""
        return await self._select(_FETCH)

    async def find(self, device_ids: Sequence[int]) -> Sequence[RegisteredDevice]:
        """Return those of some devices that exist."""
        return await self._select(_FIND, device_ids)

    async def of_user(self, user_id: int) -> Sequence[RegisteredDevice]:
        """Return the devices of a user."""
        return await self._select(_OF_USER, user_id)

    async def page(self, user_id: int, after_device_id: int, limit: int) -> Sequence[RegisteredDevice]:
        """Return devices of a user (0: of all) beyond a device, by device_id."""
        if user_id:
            return await self._select(_LIST_OF_USER, after_device_id, limit, user_id)
        return await self._select(_LIST, after_device_id, limit)

    async def ids_of(self, user_id: int) -> tuple[int, ...]:
        """Return the devices of a user, ascending."""
        async with self._pool.connection() as connection:
            return tuple(row[0] for row in await connection.fetch(_IDS_OF_USER, user_id))

    async def insert(self, devices: Sequence[RegisteredDevice]) -> int:
        """Insert devices; those that exist are left as they are. Return how many were new."""
        columns = (
            [device.device_id for device in devices],
            [device.user_id for device in devices],
            [microseconds_of(device.registered_at) for device in devices],
        )
        async with self._pool.connection() as connection:
            return rows_affected(await connection.execute(_INSERT, *columns))

    async def put(self, device: RegisteredDevice) -> None:
        """Insert a device or change its owner."""
        async with self._pool.connection() as connection:
            await connection.execute(_PUT, device.device_id, device.user_id, microseconds_of(device.registered_at))

    async def _select(self, statement: str, *parameters: object) -> Sequence[RegisteredDevice]:
        async with self._pool.connection() as connection:
            rows = await connection.fetch(statement, *parameters)
        return [RegisteredDevice(device, user, datetime_of(at)) for device, user, at in rows]
