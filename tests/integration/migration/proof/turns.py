"""Lets calls to real stores begin and return in an order of chance: whatever may come between two steps, comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

from iotflow_server.observability.metrics import Metrics
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.device_ranges import DeviceRanges
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import Amendment, TelemetryStore

#: So long nobody has to come for who is there to go on: others wait for a lock, or still for their store.
_QUIET_SECONDS = 0.005


class Turns:
    """Holds up who comes until it is their turn."""

    def __init__(self, seed: int) -> None:
        """``seed``: of those who wait it chooses who goes on."""
        self._chance = Random(seed)
        #: How often it is whoever came last: mostly the one who has just been let go, who so gets far ahead of others.
        self._constancy = self._chance.random()
        self._waiting: list[asyncio.Future[None]] = []
        self._came = asyncio.Event()

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Wait for a turn before the block, and for another after it."""
        await self._wait()
        try:
            yield
        finally:
            await self._wait()

    async def run(self, works: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Let several do their work, one step of one at a time."""
        tasks = [asyncio.create_task(work) for work in works]
        while unfinished := sum(not task.done() for task in tasks):
            if len(self._waiting) < unfinished:
                await self._somebody_comes()
            if self._waiting:
                self._next().set_result(None)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    def _next(self) -> asyncio.Future[None]:
        is_constant = self._chance.random() < self._constancy
        return self._waiting.pop(-1 if is_constant else self._chance.randrange(len(self._waiting)))

    async def _wait(self) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._came.set()
        await mine

    async def _somebody_comes(self) -> None:
        self._came.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_SECONDS):
                await self._came.wait()


class TurnedStore(ObservedStore):
    """A store whose calls wait for their turns."""

    def __init__(self, store: TelemetryStore, turns: Turns) -> None:
        metrics = Metrics()
        super().__init__(store, metrics.time_store, metrics.points_stored)
        self._turns = turns

    async def write(
        self, batches: Sequence[Batch], permission: Permission | None = None, *, tells_young: bool = True
    ) -> DeviceRanges:
        """Store batches."""
        async with self._turns.around():
            return await super().write(batches, permission, tells_young=tells_young)

    async def scan(self, selection: Selection, *, descending: bool = False) -> AsyncIterator[Batch]:
        """Yield all points of a selection, which are read in one step."""
        async with self._turns.around():
            found = [each async for each in super().scan(selection, descending=descending)]
        for each in found:
            yield each

    async def delete(self, selection: Selection) -> None:
        """Delete the points of a selection."""
        async with self._turns.around():
            await super().delete(selection)

    async def mark(self) -> str:
        """Return a mark of now."""
        async with self._turns.around():
            return await super().mark()

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Make points what they should be."""
        async with self._turns.around():
            return await super().amend(amendment, mark)
