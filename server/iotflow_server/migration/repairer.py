"""Repairs dirty ranges in the background, one after the other, while writes go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import structlog

from iotflow_server.migration.journal import DirtyJournal, Entry
from iotflow_server.migration.sync import sync_step
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.router import Router
from iotflow_server.routing.secondary import Secondary
from iotflow_server.stores.errors import StoreError, StoreRefusedError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import TelemetryStore

_log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 15.0

Hold = Callable[[int], AbstractAsyncContextManager[None]]


class Repairer:
    """Makes the secondary equal the primary wherever the journal says that it may differ.

    Where a transition was forced, ranges of what is now the primary remain; these are only filled from the
    other store: what the primary lacks is copied, nothing there is changed.
    """

    def __init__(self, router: Router, journal: DirtyJournal, hold: Hold) -> None:
        self._router = router
        self._journal = journal
        self._hold = hold
        self._task: asyncio.Task[None] | None = None
        #: Ranges that a store refused, by entry, and the time of ``time.monotonic`` from which to try again.
        self._refused: dict[int, float] = {}
        #: Points carried since the start, by store.
        self.repaired: dict[StoreName, int] = dict.fromkeys(StoreName, 0)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="repair")

    async def stop(self) -> None:
        """End; what is unfinished goes on after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        pause = IDLE_SECONDS
        while True:
            try:
                pause = 0.0 if await self._repair_one() else IDLE_SECONDS
            except StoreError as error:
                pause = min(max(pause, IDLE_SECONDS) * 2, LONGEST_PAUSE_SECONDS)
                _log.warning("repair waits", action="repair_waits", error=str(error), pause_seconds=pause)
            except Exception:
                pause = LONGEST_PAUSE_SECONDS
                _log.exception("repair failed", action="repair_failed")
            finally:
                self._journal.release()
            await asyncio.sleep(pause)

    async def _repair_one(self) -> bool:
        """Repair one range or a part of it; return whether there was something to do."""
        secondary = self._router.secondary()
        if secondary is None or (not secondary.is_well and not await secondary.probe()):
            return False
        await secondary.stragglers_ended()
        if secondary is not self._router.secondary():
            # The phase was moved meanwhile: the two may have changed places.
            return False
        entry = self._journal.claim(self._router.write_targets, besides=self._postponed())
        if entry is None:
            return False
        try:
            await self._repair(entry, secondary)
        except StoreRefusedError as error:
            # It will be refused again; what comes after it need not wait for that.
            self._refused[entry.id] = time.monotonic() + LONGEST_PAUSE_SECONDS
            _log.error("repair refused", action="repair_refused", device_id=entry.range.device_id, error=str(error))
        return True

    def _postponed(self) -> set[int]:
        now = time.monotonic()
        self._refused = {entry_id: until for entry_id, until in self._refused.items() if until > now}
        return set(self._refused)

    async def _repair(self, entry: Entry, secondary: Secondary) -> None:
        primary = self._router.primary()
        if entry.range.device_id is None:
            await self._split(entry, primary, secondary.store)
        elif entry.store is primary.name:
            await self._sync(entry, entry.range.device_id, secondary.store, primary, fill_only=True)
        else:
            await self._sync(entry, entry.range.device_id, primary, secondary.store)

    async def _split(self, entry: Entry, one: TelemetryStore, other: TelemetryStore) -> None:
        phase = self._router.phase
        devices = {device for store in (one, other) for device, _ in await store.list_devices()}
        if self._router.phase is not phase:
            return
        await self._journal.split(entry, [DirtyRange(device, entry.range.time_range) for device in sorted(devices)])

    async def _sync(
        self, entry: Entry, device_id: int, source: TelemetryStore, copy: TelemetryStore, *, fill_only: bool = False
    ) -> None:
        phase, end = self._router.phase, entry.range.time_range.end
        while entry.range.time_range.start < end:
            async with self._hold(device_id):
                if self._router.phase is not phase:
                    return
                step = await sync_step(source, copy, device_id, entry.range.time_range, fill_only=fill_only)
            self.repaired[copy.name] += step.written
            entry = await self._journal.shrink(entry, step.end)
        await self._journal.split(entry, [])
