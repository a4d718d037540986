"""Lanes by device: who may touch which device when.

A device is busy while a flush writes it or somebody holds it; then whatever comes for it waits, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager


class Lanes:
    """The devices that are busy, and whether all of them are.

    ``on_free`` hears of those that become free (None: all).
    """

    def __init__(self, on_free: Callable[[Collection[int] | None], None]) -> None:
        self._on_free = on_free
        self._busy: set[int] = set()
        self._wanted: dict[int, int] = {}
        self._closed = 0
        self._changed = asyncio.Condition()

    def is_free(self, device_id: int) -> bool:
        """Whether a flush may take a device now. One that somebody waits to hold is not free."""
        return not self._closed and device_id not in self._busy and device_id not in self._wanted

    def take(self, devices: Collection[int]) -> None:
        """Make devices busy. They must be free."""
        self._busy.update(devices)

    async def give_back(self, devices: Collection[int]) -> None:
        """Make devices free again and tell all who wait."""
        async with self._changed:
            self._busy.difference_update(devices)
            self._tell(devices)

    @asynccontextmanager
    async def holding(self, device_id: int) -> AsyncIterator[None]:
        """Hold one device: no write for it runs meanwhile."""
        async with self._changed:
            self._wanted[device_id] = self._wanted.get(device_id, 0) + 1
            try:
                await self._changed.wait_for(lambda: not self._closed and device_id not in self._busy)
                self._busy.add(device_id)
            finally:
                self._forget_wish(device_id)
                self._tell((device_id,))
        try:
            yield
        finally:
            await asyncio.shield(self.give_back((device_id,)))

    @asynccontextmanager
    async def quiesced(self) -> AsyncIterator[None]:
        """Hold all devices: no write at all runs meanwhile."""
        async with self._changed:
            self._closed += 1
            try:
                await self._changed.wait_for(lambda: not self._busy)
            except BaseException:
                self._closed -= 1
                self._tell(None)
                raise
        try:
            yield
        finally:
            await asyncio.shield(self._reopen())

    async def _reopen(self) -> None:
        async with self._changed:
            self._closed -= 1
            self._tell(None)

    def _tell(self, freed: Collection[int] | None) -> None:
        self._changed.notify_all()
        self._on_free(freed)

    def _forget_wish(self, device_id: int) -> None:
        self._wanted[device_id] -= 1
        if not self._wanted[device_id]:
            del self._wanted[device_id]
