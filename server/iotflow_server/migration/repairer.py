"""Repairs dirty ranges in the background, one after the other, while writes go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

import structlog

from iotflow_server.migration.dirty_book import DirtyBook, Entry
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.repair_pace import RepairPace
from iotflow_server.migration.sync import sync_step
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.router import Router
from iotflow_server.routing.secondary import Secondary
from iotflow_server.stores.errors import StoreError, StoreRefusedError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.store import TelemetryStore

_log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 15.0
#: Until a range is tried again in which others write faster than it can be compared.
CONTENDED_SECONDS: Final = 1.0

_Key = tuple[DirtyBook, int]
#: Is told of points that were carried to a store.
Show = Callable[[StoreName, int], None]


class Repairer:
    """Makes the secondary equal the primary wherever a book says that it may differ.

    Where a transition was forced, ranges of what is now the primary remain; these are only filled from the
    other store: what the primary lacks is copied, nothing there is changed.
    """

    def __init__(
        self, router: Router, local: DirtyBook, shared: PostgresDirty, locks: DeviceLocks, pace: RepairPace, show: Show
    ) -> None:
        self._router = router
        self._shared = shared
        self._books: Sequence[DirtyBook] = (local, shared)
        self._locks = locks
        self._pace = pace
        self._show = show
        self._task: asyncio.Task[None] | None = None
        self._is_allowed = False
        self._at_work = asyncio.Lock()
        #: Ranges that are put off, and the time of ``time.monotonic`` from which to try again.
        self._refused: dict[_Key, float] = {}

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="repair")

    async def stop(self) -> None:
        """End; what is unfinished goes on after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def allow(self) -> None:
        """Repair from now on."""
        self._is_allowed = True

    def halt(self) -> None:
        """Begin nothing new."""
        self._is_allowed = False

    async def forbid(self) -> None:
        """Return once nothing is repaired any more. To be waited for where no lane is held."""
        self.halt()
        async with self._at_work:
            pass

    async def _run(self) -> None:
        pause = IDLE_SECONDS
        while True:
            try:
                async with self._at_work:
                    pause = 0.0 if self._is_allowed and await self._repair_one() else IDLE_SECONDS
            except StoreError as error:
                pause = min(max(pause, IDLE_SECONDS) * 2, LONGEST_PAUSE_SECONDS)
                _log.warning("repair waits", action="repair_waits", error=str(error), pause_seconds=pause)
            except Exception:
                pause = LONGEST_PAUSE_SECONDS
                _log.exception("repair failed", action="repair_failed")
            await asyncio.sleep(pause)
            # Where a transition may have the repair stop: not within a range.
            await self._pace.rest()

    async def _repair_one(self) -> bool:
        """Repair one range or a part of it; return whether there was something to do."""
        secondary = self._router.secondary()
        if secondary is None or (not secondary.is_well and not await secondary.probe()):
            return False
        await secondary.stragglers_ended()
        for book in self._books:
            entry = await book.claim(self._claimable(), besides=self._postponed(book))
            if entry is not None:
                # The other one's turn, lest what comes all the while keeps it waiting.
                self._books = (*(other for other in self._books if other is not book), book)
                await self._repair_claimed(book, entry, secondary)
                return True
        return False

    def _claimable(self) -> Sequence[StoreName]:
        stance = self._router.stance
        targets = self._router.write_targets
        # What is recorded for the primary meanwhile is for the time after it has become the secondary.
        return targets[1:] if stance.is_turning else targets

    async def _repair_claimed(self, book: DirtyBook, entry: Entry, secondary: Secondary) -> None:
        try:
            await self._repair(book, entry, secondary)
        except StoreRefusedError as error:
            # It will be refused again; what comes after it need not wait for that.
            self._put_off(book, entry, LONGEST_PAUSE_SECONDS)
            _log.error("repair refused", action="repair_refused", device_id=entry.range.device_id, error=str(error))
        finally:
            await book.release(entry)

    def _postponed(self, book: DirtyBook) -> list[int]:
        now = time.monotonic()
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        return [entry_id for of, entry_id in self._refused if of is book]

    async def _repair(self, book: DirtyBook, entry: Entry, secondary: Secondary) -> None:
        primary = self._router.primary()
        if entry.range.device_id is None:
            await self._split(book, entry, primary, secondary.store)
        elif entry.store is primary.name:
            await self._sync(book, entry, entry.range.device_id, secondary.store, primary, fill_only=True)
        else:
            await self._sync(book, entry, entry.range.device_id, primary, secondary.store)

    async def _split(self, book: DirtyBook, entry: Entry, one: TelemetryStore, other: TelemetryStore) -> None:
        if entry.written_since is not None:
            parts = await self._shared.written_since(entry.written_since)
        else:
            devices = {device for store in (one, other) for device, _ in await store.list_devices()}
            parts = [DirtyRange(device, entry.range.time_range) for device in sorted(devices)]
        await book.split(entry, parts)

    def _locked(self, copy: TelemetryStore, device_id: int) -> AbstractAsyncContextManager[None]:
        # After a delete that could not keep copies away, this one waits for those to end.
        return self._locks.deleting(device_id) if copy.name is StoreName.POSTGRES else nullcontext()

    def _put_off(self, book: DirtyBook, entry: Entry, seconds: float) -> None:
        self._refused[book, entry.id] = time.monotonic() + seconds

    async def _sync(
        self,
        book: DirtyBook,
        entry: Entry,
        device_id: int,
        source: TelemetryStore,
        copy: TelemetryStore,
        *,
        fill_only: bool = False,
    ) -> None:
        end = entry.range.time_range.end
        while self._is_allowed and entry.range.time_range.start < end:
            if self._pace.is_owed:
                return
            async with self._locked(copy, device_id):
                step = await sync_step(source, copy, device_id, entry.range.time_range, fill_only=fill_only)
            self._show(copy.name, step.written)
            self._pace.compared(step.compared)
            if step.end == entry.range.time_range.start:
                self._put_off(book, entry, CONTENDED_SECONDS)
                return
            entry = await book.shrink(entry, step.end)
        if entry.range.time_range.start >= end:
            await book.split(entry, [])
