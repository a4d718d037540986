"""The registry of devices as a table of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.stores.postgres.clock import datetime_of, microseconds_of
from iotflow_server.stores.postgres.pool import PostgresPool

_FETCH = "SELECT device_id, user_id, registered_at FROM devices"
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
    """Implements :class:`access.registry.DeviceTable`."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def fetch(self) -> Sequence[RegisteredDevice]:
        """Return all devices."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_FETCH)
        return [RegisteredDevice(device, user, datetime_of(at)) for device, user, at in rows]

    async def insert(self, devices: Sequence[RegisteredDevice]) -> None:
        """Insert devices; those that exist are left as they are."""
        columns = (
            [device.device_id for device in devices],
            [device.user_id for device in devices],
            [microseconds_of(device.registered_at) for device in devices],
        )
        async with self._pool.connection() as connection:
            await connection.execute(_INSERT, *columns)

    async def put(self, device: RegisteredDevice) -> None:
        """Insert a device or change its owner."""
        async with self._pool.connection() as connection:
            await connection.execute(_PUT, device.device_id, device.user_id, microseconds_of(device.registered_at))
