"""Lanes by device: who may touch which device when.

A device is busy while a flush writes it or somebody holds it; then whatever comes for it waits, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager


class Lanes:
    """The devices that are busy, and whether all of them are. ``on_change`` is called when some become free."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._busy: set[int] = set()
        self._wanted: dict[int, int] = {}
        self._closed = 0
        self._changed = asyncio.Condition()

    def are_free(self, devices: Collection[int]) -> bool:
        """Whether a flush may take these devices now. Devices somebody waits to hold are not free."""
        return not self._closed and self._busy.isdisjoint(devices) and self._wanted.keys().isdisjoint(devices)

    def take(self, devices: Collection[int]) -> None:
        """Make devices busy. They must be free."""
        self._busy.update(devices)

    async def give_back(self, devices: Collection[int]) -> None:
        """Make devices free again and tell all who wait."""
        async with self._changed:
            self._busy.difference_update(devices)
            self._tell()

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
                self._tell()
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
                self._tell()
                raise
        try:
            yield
        finally:
            await asyncio.shield(self._reopen())

    async def _reopen(self) -> None:
        async with self._changed:
            self._closed -= 1
            self._tell()

    def _tell(self) -> None:
        self._changed.notify_all()
        self._on_change()

    def _forget_wish(self, device_id: int) -> None:
        self._wanted[device_id] -= 1
        if not self._wanted[device_id]:
            del self._wanted[device_id]
