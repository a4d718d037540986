"""Marks durably what is under way to both stores: what a kill -9 cuts off between them is compared afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import structlog

from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.file import MarksFile
from iotflow_server.migration.in_flight.table import MarkTable
from iotflow_server.migration.merging import bounded
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.in_flight import Spans
from iotflow_server.routing.stance import Stance

_log = structlog.get_logger(__name__)

Result = TypeVar("Result")

#: Between two looks at what is in use. A mark outlives its last write by this, twice at most.
TEND_SECONDS: Final = 30.0


class WritesInFlight:
    """Implements :class:`routing.in_flight.InFlight`.

    A device that goes on writing is marked ahead of what it writes, so that its writes wait for the disk once, and
    for as long as it writes others make its mark longer. Where the disk does not take a mark, writes go on without.
    """

    def __init__(self, path: Path) -> None:
        self._file = MarksFile(path)
        self._table = MarkTable()
        self._under_way: set[Spans] = set()
        self._deletes = count(1)
        self._changing = asyncio.Lock()
        self._disk = ThreadPoolExecutor(1, "marks")
        self._tender: asyncio.Task[None] | None = None
        self._is_failing = False

    async def recover(self, dirty: DirtyRanges, stance: Stance, most: int) -> None:
        """Record what was left marked as dirty: this instance did not end in good order. To be called before it writes.

        ``stance`` is the one that the instance acts by now; ``most``: ranges that are kept apart.
        """
        left = await self._on_disk(self._file.ranges)
        store = stance.doubtful or stance.forgoes
        if left and store is not None:
            ranges = bounded(left, most)
            _log.warning("writes were cut off", action="writes_cut_off", store=str(store), ranges=len(ranges))
            await dirty.add(store, ranges, is_own=stance.is_turning)
        if left:
            await self._on_disk(self._file.clear)

    def start(self) -> None:
        """Begin to look after the marks."""
        self._tender = asyncio.create_task(self._tend_for_ever(), name="marks")

    async def stop(self) -> None:
        """End in good order: what has been written is in both stores, or known to be dirty."""
        if self._tender is not None:
            self._tender.cancel()
            await asyncio.gather(self._tender, return_exceptions=True)
        if not self._under_way:
            await self._durably(self._file.clear)

    def close(self) -> None:
        """Close the file."""
        self._disk.shutdown()
        self._file.close()

    @asynccontextmanager
    async def writing(self, spans: Spans) -> AsyncIterator[None]:
        """Within the block what is written is marked."""
        self._under_way.add(spans)
        try:
            if not self._table.covered(spans).all():
                await self._cover(spans)
            yield
        finally:
            self._under_way.discard(spans)

    @asynccontextmanager
    async def deleting(self, ranges: Sequence[DirtyRange]) -> AsyncIterator[None]:
        """Within the block what is deleted is marked."""
        number = next(self._deletes)
        await self._durably(partial(self._file.begin_delete, number, ranges))
        try:
            yield
        finally:
            await self._durably(partial(self._file.end_delete, number))

    async def tend(self) -> None:
        """Make marks longer before they are needed, and forget those that are not."""
        async with self._changing:
            tending = self._table.tend(self._under_way)
            if len(tending.put) or len(tending.drop):
                change = partial(self._file.change, tending.put, tending.drop.tolist())
                if await self._durably(change):
                    self._table.put(tending.put)

    async def _cover(self, spans: Spans) -> None:
        async with self._changing:
            missing = spans.only(~self._table.covered(spans))
            if not len(missing.device_ids):
                return
            marks = self._table.wanted(missing)
            if await self._durably(partial(self._file.change, marks, ())):
                self._table.put(marks)
                self._table.covered(missing)

    async def _tend_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TEND_SECONDS)
            await self.tend()

    async def _durably(self, change: Callable[[], None]) -> bool:
        """Whether the disk took it."""
        try:
            await self._on_disk(change)
        except sqlite3.Error as error:
            if not self._is_failing:
                _log.error("writes go on unmarked", action="marks_failed", error=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        return True

    async def _on_disk(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)
