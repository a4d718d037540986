"""The registry of devices: which exist, and whose they are. It decides the owner of a point, never the client.

The truth is a table in PostgreSQL; a copy on local disk serves while PostgreSQL is away and the phase can do
without it. All of it is held in memory, so that lookups on the way of a write cost nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from iotflow_server.stores.errors import StoreUnavailableError

_log = structlog.get_logger(__name__)

#: Longest wait for PostgreSQL where the phase can do without it; then it is told later.
PATIENCE_SECONDS: Final = 1.0
#: After that it is not asked for so long.
SILENCE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device; ``user_id`` is 0 where it has no owner."""

    device_id: int
    user_id: int
    registered_at: datetime


#: Asks the table.
Fetch = Callable[[], Awaitable[Sequence[RegisteredDevice]]]


class OwnerConflictError(Exception):
    """The device belongs to another user, and may not be moved while IoTDB keeps its points under that user."""


class DeviceTable(Protocol):
    """Where devices are kept durably. Every method may raise StoreUnavailableError."""

    async def fetch(self) -> Sequence[RegisteredDevice]:
        """Return all devices."""

    async def insert(self, devices: Sequence[RegisteredDevice]) -> object:
        """Insert devices; those that exist are left as they are."""

    async def put(self, device: RegisteredDevice) -> None:
        """Insert a device or change its owner."""


class SharedTable(DeviceTable, Protocol):
    """The table that all instances write."""

    async def find(self, device_ids: Sequence[int]) -> Sequence[RegisteredDevice]:
        """Return those of some devices that exist."""

    async def of_user(self, user_id: int) -> Sequence[RegisteredDevice]:
        """Return the devices of a user."""


class DeviceRegistry:
    """Knows every device of the deployment: at once what this instance has met, and by the table, while that answers,
    what others have registered."""

    def __init__(
        self,
        table: SharedTable,
        local: DeviceTable,
        *,
        is_open: bool,
        needs_table: Callable[[], bool],
    ) -> None:
        """``needs_table``: whether the phase cannot do without PostgreSQL."""
        self._table = table
        self._local = local
        self._is_open = is_open
        self._needs_table = needs_table
        self._devices: dict[int, RegisteredDevice] = {}
        self._by_user: dict[int, set[int]] = {}
        self._table_is_behind = True
        self._changes = 0
        self._changing = asyncio.Lock()
        #: Until when the table is not asked again, by ``time.monotonic``, where the phase can do without it.
        self._silent_until = 0.0

    async def load(self) -> None:
        """Read the local copy, then agree with PostgreSQL where it answers."""
        self._remember(await self._local.fetch())
        await self.catch_up()

    async def catch_up(self) -> None:
        """Carry to PostgreSQL what was registered while it was away, and take over what it knows."""
        if not self._table_is_behind:
            return
        changes = self._changes
        # Not while holding the lock: a table that does not answer must not keep new devices waiting.
        try:
            await self._table.insert(list(self._devices.values()))
            known = await self._table.fetch()
        except StoreUnavailableError as error:
            if self._needs_table():
                raise
            _log.warning("registry is served from the local copy", action="registry_local", error=error.message)
            return
        async with self._changing:
            if changes != self._changes:
                # What was fetched is old already: the next time will do.
                return
            for device in known:
                if self._devices.get(device.device_id) != device:
                    await self._local.put(device)
            self._remember(known)
            self._table_is_behind = False

    def knows(self, device_id: int) -> bool:
        """Whether a device is registered."""
        return device_id in self._devices

    def owner(self, device_id: int) -> int:
        """The owner of a device; 0 where it has none or is unknown."""
        device = self._devices.get(device_id)
        return 0 if device is None else device.user_id

    async def devices_of(self, user_id: int) -> tuple[int, ...]:
        """The devices of a user, ascending."""
        await self._learn(lambda: self._table.of_user(user_id))
        return self._devices_of(user_id)

    async def look_up(self, device_ids: Sequence[int]) -> None:
        """See to it that those of these devices are known that another instance has registered."""
        if unknown := [device_id for device_id in device_ids if not self.knows(device_id)]:
            await self._learn(lambda: self._table.find(unknown))

    async def register_unknown(self, devices: Mapping[int, int]) -> frozenset[int]:
        """Register devices (device_id -> user_id) that a write names; return those that it may not bring.

        :raises StoreUnavailableError: PostgreSQL is away and the phase needs it.
        """
        if all(map(self.knows, devices)):
            return frozenset()
        await self.look_up(list(devices))
        unknown = {device_id: user_id for device_id, user_id in devices.items() if not self.knows(device_id)}
        if not self._is_open:
            return frozenset(unknown)
        if unknown:
            await self.adopt(unknown.items())
        return frozenset()

    async def adopt(self, devices: Iterable[tuple[int, int]]) -> None:
        """Register (device_id, user_id) found in use, whether registration is open or not; known ones stay."""
        async with self._changing:
            now = datetime.now(UTC)
            new = [RegisteredDevice(device, user, now) for device, user in devices if not self.knows(device)]
            if new:
                await self._store_new(new)

    async def register(self, device_id: int, user_id: int) -> RegisteredDevice:
        """Register a device.

        :raises OwnerConflictError: it has another owner.
        :raises StoreUnavailableError: PostgreSQL is away.
        """
        await self.look_up([device_id])
        async with self._changing:
            known = self._devices.get(device_id)
            if known is not None and known.user_id == user_id:
                return known
            if known is not None:
                raise OwnerConflictError(
                    f"device {device_id} belongs to user {known.user_id}; its owner is part of its path in IoTDB, "
                    "so it can change hands only once IoTDB is gone"
                )
            device = RegisteredDevice(device_id, user_id, datetime.now(UTC))
            await self._table.put(device)
            await self._local.put(device)
            self._changes += 1
            self._remember([device])
            return device

    async def list_devices(self, user_id: int, after_device_id: int, limit: int) -> list[RegisteredDevice]:
        """Return devices of a user (0: of all) beyond a device, by device_id."""
        await self._learn(self._table.fetch)
        ids = self._devices_of(user_id) if user_id else tuple(sorted(self._devices))
        return [self._devices[device_id] for device_id in ids if device_id > after_device_id][:limit]

    def _devices_of(self, user_id: int) -> tuple[int, ...]:
        return tuple(sorted(self._by_user.get(user_id, ())))

    async def _store_new(self, devices: Sequence[RegisteredDevice]) -> None:
        if self._needs_table():
            devices = await self._agreed(devices)
        elif not self._table_is_behind:
            agreed = await self._soon(lambda: self._agreed(devices))
            self._table_is_behind = agreed is None
            devices = agreed or devices
        await self._local.insert(devices)
        self._changes += 1
        self._remember(devices)

    async def _agreed(self, devices: Sequence[RegisteredDevice]) -> Sequence[RegisteredDevice]:
        """Insert devices; return them as the table has them, for another instance may have been faster."""
        await self._table.insert(devices)
        return await self._table.find([device.device_id for device in devices])

    async def _learn(self, fetch: Fetch) -> None:
        """Take over what the table answers; where the phase can do without it, what is known here has to do."""
        if self._needs_table():
            await self._take_over(await fetch())
        elif not self._table_is_behind and time.monotonic() >= self._silent_until:
            found = await self._soon(fetch)
            if found is None:
                self._silent_until = time.monotonic() + SILENCE_SECONDS
            await self._take_over(found or ())

    async def _take_over(self, devices: Iterable[RegisteredDevice]) -> None:
        if new := [device for device in devices if not self.knows(device.device_id)]:
            await self._local.insert(new)
        # One that is known by now may have been given to somebody else since the table was asked.
        self._remember([device for device in new if not self.knows(device.device_id)])

    async def _soon(self, fetch: Fetch) -> Sequence[RegisteredDevice] | None:
        with suppress(StoreUnavailableError, TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await fetch()
        return None

    def _remember(self, devices: Iterable[RegisteredDevice]) -> None:
        for device in devices:
            known = self._devices.get(device.device_id)
            if known is not None:
                self._by_user[known.user_id].discard(device.device_id)
            self._devices[device.device_id] = device
            self._by_user.setdefault(device.user_id, set()).add(device.device_id)
