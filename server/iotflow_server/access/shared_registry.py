"""The registry of devices where several processes serve one deployment. The truth is the table in PostgreSQL.

What a process holds in memory is good enough for the way of a write: a device never goes away, and a change of owner
is acknowledged only once every process has been told. All else asks the table: who has which devices, and whether a
device that this process does not know has been registered through another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import structlog

from iotflow_server.access.owner_changes import Listener, OwnerChanges
from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.stores.errors import StoreError

_log = structlog.get_logger(__name__)

_RETRY_SECONDS: Final = 1.0

Fetch = Callable[[], Awaitable[Sequence[RegisteredDevice]]]


class SharedRegistry:
    """Knows the devices that it has met; every method that waits may raise StoreUnavailableError."""

    def __init__(self, table: PostgresDevices, changes: OwnerChanges, *, is_open: bool) -> None:
        self._table = table
        self._owner_changes = changes
        self._is_open = is_open
        self._devices: dict[int, RegisteredDevice] = {}
        self._listener: Listener | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._changes = 0
        self._learning = asyncio.Lock()

    async def start(self) -> None:
        """Learn all devices, and listen for changes from then on."""
        ready = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep_listening(ready), name="registry")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def stop(self) -> None:
        """Listen no more."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    def knows(self, device_id: int) -> bool:
        """Whether a device is registered, as far as can be said without asking: False may mean that it must be."""
        return self._is_current and device_id in self._devices

    def owner(self, device_id: int) -> int:
        """The owner of a device that was looked up; 0 where it has none."""
        device = self._devices.get(device_id)
        return 0 if device is None else device.user_id

    async def look_up(self, device_ids: Sequence[int]) -> None:
        """See to it that the owners of devices are known, of those that are registered."""
        if unknown := self._unknown(device_ids):
            await self._learn(lambda: self._table.find(unknown))

    async def devices_of(self, user_id: int) -> tuple[int, ...]:
        """The devices of a user, ascending."""
        device_ids = await self._table.ids_of(user_id)
        await self.look_up(device_ids)
        return device_ids

    async def register_unknown(self, devices: Mapping[int, int]) -> frozenset[int]:
        """Register devices (device_id -> user_id) that a write names; return those that it may not bring."""
        unknown = self._unknown(list(devices))
        if not unknown:
            return frozenset()
        found = {device.device_id for device in await self._learn(lambda: self._table.find(unknown))}
        new = [device_id for device_id in unknown if device_id not in found]
        if self._is_open and new:
            now = datetime.now(UTC)
            await self._table.insert([RegisteredDevice(device_id, devices[device_id], now) for device_id in new])
            # Another process may have been faster, and for another user.
            await self._learn(lambda: self._table.find(new))
        return frozenset() if self._is_open else frozenset(new)

    async def register(self, device_id: int, user_id: int) -> RegisteredDevice:
        """Register a device, or give it to another user."""
        device = RegisteredDevice(device_id, user_id, datetime.now(UTC))
        if await self._table.insert([device]):
            return device
        # Also where it is that user's already: a change that was cut short may not have been told to all.
        return await self._owner_changes.make(device_id, user_id)

    async def list_devices(self, user_id: int, after_device_id: int, limit: int) -> list[RegisteredDevice]:
        """Return devices of a user (0: of all) beyond a device, by device_id."""
        return list(await self._table.page(user_id, after_device_id, limit))

    @property
    def _is_current(self) -> bool:
        return self._listener is not None and self._listener.is_live

    def _unknown(self, device_ids: Sequence[int]) -> list[int]:
        known = self._devices if self._is_current else ()
        return [device_id for device_id in device_ids if device_id not in known]

    async def _learn(self, fetch: Fetch) -> Sequence[RegisteredDevice]:
        """Fetch devices and remember them. One at a time: an older answer must not replace a newer one."""
        async with self._learning:
            while True:
                changes = self._changes
                found = await fetch()
                if changes == self._changes:
                    self._devices |= {device.device_id: device for device in found}
                    return found

    def _owner_changed(self, device_id: int, user_id: int) -> None:
        self._changes += 1
        if (known := self._devices.get(device_id)) is not None:
            self._devices[device_id] = replace(known, user_id=user_id)

    async def _keep_listening(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with self._owner_changes.listening(self._owner_changed) as listener:
                    await self._learn(self._table.fetch)
                    self._listener = listener
                    ready.set()
                    await listener.follow()
            except StoreError as error:
                if not ready.is_set():
                    raise
                _log.warning("every device is looked up for now", action="registry_deaf", error=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
