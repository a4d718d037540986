"""The copy of the device registry on local disk (SQLite)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.local.durable import open_durable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    device_id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    registered_at TEXT NOT NULL
) STRICT
"""
_INSERT = "INSERT INTO device (device_id, user_id, registered_at) VALUES (?, ?, ?) ON CONFLICT (device_id) DO NOTHING"
_PUT = "INSERT OR REPLACE INTO device (device_id, user_id, registered_at) VALUES (?, ?, ?)"


class LocalDevices:
    """Implements :class:`access.registry.DeviceTable` on a local file."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = open_durable(path, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    async def fetch(self) -> Sequence[RegisteredDevice]:
        """Return all devices."""
        rows = self._connection.execute("SELECT device_id, user_id, registered_at FROM device").fetchall()
        return [RegisteredDevice(device, user, datetime.fromisoformat(at)) for device, user, at in rows]

    async def insert(self, devices: Sequence[RegisteredDevice]) -> None:
        """Insert devices; those that exist are left as they are."""
        await asyncio.to_thread(self._execute, _INSERT, devices)

    async def put(self, device: RegisteredDevice) -> None:
        """Insert a device or change its owner."""
        await asyncio.to_thread(self._execute, _PUT, [device])

    def _execute(self, statement: str, devices: Sequence[RegisteredDevice]) -> None:
        rows = [(device.device_id, device.user_id, device.registered_at.isoformat()) for device in devices]
        with self._lock, self._connection:
            self._connection.executemany(statement, rows)
