"""Repairs dirty ranges in the background, one after the other, while writes go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import structlog

from iotflow_server.migration.dirty_book import DirtyBook, Entry
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.repair_pace import RepairPace
from iotflow_server.migration.sync import sync_step
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import SLOW_SECONDS, Router
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
#: Ranges that are held at once until nothing can come late to them.
_MOST_HELD: Final = 1000

_Key = tuple[DirtyBook, int]
#: Is told of points that were carried to a store.
Show = Callable[[StoreName, int], None]


@dataclass(frozen=True, slots=True)
class _Held:
    """A range that was claimed in a phase, and may be compared from a time of ``time.monotonic`` on."""

    book: DirtyBook
    entry: Entry
    phase: Phase
    ripe_at: float


class Repairer:
    """Makes the secondary equal the primary wherever a book says that it may differ.

    A range is noted by who wrote a point second, or deleted it. The half of who wrote it first, through another
    instance, may still be on its way to the secondary. So where others write, what is claimed is held until that has
    come, or is so late that it is noted itself. What is noted from the claim on is another range.

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
        self._is_settled = False
        self._at_work = asyncio.Lock()
        self._held: list[_Held] = []
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
        await self._give_back()

    def allow(self, *, is_settled: bool = False) -> None:
        """Repair from now on. ``is_settled``: of what was noted, no write by any instance is under way any more."""
        self._is_allowed, self._is_settled = True, is_settled

    def halt(self) -> None:
        """Begin nothing new."""
        self._is_allowed = False

    async def forbid(self) -> None:
        """Return once nothing is repaired any more. To be waited for where no lane is held."""
        self.halt()
        async with self._at_work:
            await self._give_back()

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
        """Repair a range that was held, or a part of it; return whether there was something to do."""
        secondary = self._router.secondary()
        if secondary is None or (not secondary.is_well and not await secondary.probe()):
            return False
        await secondary.stragglers_ended()
        # Not before: what is noted while others are held joins what lies near it, and is compared once.
        if not self._held:
            await self._claim_all()
        held = self._next()
        if held is None:
            return False
        self._held.remove(held)
        if held.phase is self._router.phase:
            await self._repair_claimed(held.book, held.entry, secondary)
        else:
            await held.book.release(held.entry)
        return True

    def _next(self) -> _Held | None:
        """The range that was held longest, if it may be compared now."""
        held = min(self._held, key=attrgetter("ripe_at"), default=None)
        is_settled = self._is_settled or self._router.is_long_alone
        return held if held is not None and (is_settled or held.ripe_at <= time.monotonic()) else None

    async def _claim_all(self) -> None:
        """Claim what there is."""
        is_there = True
        while is_there and len(self._held) < _MOST_HELD:
            is_there = False
            for book in self._books:
                held = {each.entry.id for each in self._held if each.book is book}
                entry = await book.claim(self._claimable(), besides=held.union(self._postponed(book)))
                if entry is not None:
                    self._hold(book, entry, SLOW_SECONDS)
                    is_there = True

    def _hold(self, book: DirtyBook, entry: Entry, seconds: float) -> None:
        self._held.append(_Held(book, entry, self._router.phase, time.monotonic() + seconds))

    async def _give_back(self) -> None:
        held, self._held = self._held, []
        # What is not given back while PostgreSQL is away is free for this instance all the same.
        with suppress(StoreError):
            for each in sorted(held, key=lambda each: each.book is self._shared):
                await each.book.release(each.entry)

    def _claimable(self) -> Sequence[StoreName]:
        stance = self._router.stance
        targets = self._router.write_targets
        # What is recorded for the primary meanwhile is for the time after it has become the secondary.
        return targets[1:] if stance.is_turning else targets

    async def _repair_claimed(self, book: DirtyBook, entry: Entry, secondary: Secondary) -> None:
        rest: Entry | None = None
        try:
            rest = await self._repair(book, entry, secondary)
        except StoreRefusedError as error:
            # It will be refused again; what comes after it need not wait for that.
            self._put_off(book, entry, LONGEST_PAUSE_SECONDS)
            _log.error("repair refused", action="repair_refused", device_id=entry.range.device_id, error=str(error))
        finally:
            if rest is None:
                await book.release(entry)
        if rest is not None:
            self._hold(book, rest, 0.0)

    def _postponed(self, book: DirtyBook) -> list[int]:
        now = time.monotonic()
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        return [entry_id for of, entry_id in self._refused if of is book]

    async def _repair(self, book: DirtyBook, entry: Entry, secondary: Secondary) -> Entry | None:
        """Repair a range; return what remains of it where that has but to wait for its turn."""
        primary = self._router.primary()
        if entry.range.device_id is None:
            await self._split(book, entry, primary, secondary.store)
            return None
        if entry.store is primary.name:
            return await self._sync(book, entry, entry.range.device_id, secondary.store, primary, fill_only=True)
        return await self._sync(book, entry, entry.range.device_id, primary, secondary.store)

    async def _split(self, book: DirtyBook, entry: Entry, one: TelemetryStore, other: TelemetryStore) -> None:
        if entry.written_since is not None:
            parts = await self._shared.written_since(entry.written_since)
        else:
            devices = {device for store in (one, other) for device, _ in await store.list_devices()}
            parts = [DirtyRange(device, entry.range.time_range) for device in sorted(devices)]
        await book.split(entry, parts)

    def _locked(self, copy: TelemetryStore, device_id: int) -> AbstractAsyncContextManager[None]:
        # After a delete that could not keep copies away, this one waits for those to end. And what is deleted while the
        # primary is filled in would come back for good.
        is_exclusive = copy.name in (StoreName.POSTGRES, self._router.phase.primary)
        return self._locks.deleting(device_id) if is_exclusive else nullcontext()

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
    ) -> Entry | None:
        end = entry.range.time_range.end
        while self._is_allowed and entry.range.time_range.start < end:
            if self._pace.is_owed:
                return entry
            async with self._locked(copy, device_id):
                step = await sync_step(source, copy, device_id, entry.range.time_range, fill_only=fill_only)
            self._show(copy.name, step.written)
            self._pace.compared(step.compared)
            if step.end == entry.range.time_range.start:
                self._put_off(book, entry, CONTENDED_SECONDS)
                return None
            entry = await book.shrink(entry, step.end)
        if entry.range.time_range.start >= end:
            await book.split(entry, [])
        return None
