"""Keeps figures of hours up to date in the background (docs/adr/0011)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Final

import asyncpg
import structlog

from iotflow_server.query.packing import rolled_days
from iotflow_server.query.series import SeriesPoints
from iotflow_server.rollups.courtesy import Courtesy
from iotflow_server.stores.batch import Kind, Timestamps, Values
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.postgres.rollup_work import RollupWork
from iotflow_server.stores.rollups import DAY, RolledDay

_log = structlog.get_logger(__name__)

_IDLE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 5.0
#: Another process has refreshed the same, or writers did not let this one be.
_LOST: Final = (asyncpg.SerializationError, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError)


class Refresher:
    """Lets figures reach up to ``lag`` seconds before now, in whole days, and computes those that are marked.

    Any number of processes may have one: a device is refreshed by one of them at a time.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[RollupWork]],
        is_wanted: Callable[[], bool],
        lag: float,
        notice: float,
        show: Callable[[float, int, int], None],
    ) -> None:
        """``notice``: seconds that writers are given to learn of a new reach. ``show`` is told how many
        seconds figures are behind, the marks there are, and the points read since it was told last."""
        self._connect = connect
        self._is_wanted = is_wanted
        self._lag = lag
        self._notice = notice
        self._show = show
        self._points = 0
        self._courtesy = Courtesy()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="rollups")

    async def stop(self) -> None:
        """End; the refresh that is under way is undone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._work()
            except StoreError as error:
                _log.info("rollups wait", action="rollups_wait", error=str(error))
            except Exception:
                _log.exception("rollups failed", action="rollups_failed")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _work(self) -> None:
        if not self._is_wanted():
            return
        async with self._connect() as work:
            while self._is_wanted():
                await self.extend(work)
                if not await self._refresh_for_a_while(work):
                    await asyncio.sleep(_IDLE_SECONDS)

    async def _refresh_for_a_while(self, work: RollupWork) -> bool:
        """Refresh devices for a second; return whether any is left."""
        begin = begun = time.monotonic()
        while begun - begin < _LOOK_SECONDS:
            if await self.refresh(work) is None:
                return False
            await self._courtesy.rest(time.monotonic() - begun)
            begun = time.monotonic()
        return True

    async def extend(self, work: RollupWork) -> None:
        """Let figures reach as far as they may, mark what is new, and show how far they are."""
        state, now = await work.state(), await work.now()
        until = (now - int(self._lag * 1_000_000)) // DAY * DAY
        if state.until < until:
            await work.announce(until)
            await asyncio.sleep(self._notice)
            await work.reach(until)
            state = await work.state()
        await work.expand()
        self._show((now - state.until) / 1_000_000, state.marks, self._points)
        self._points = 0

    async def refresh(self, work: RollupWork) -> int | None:
        """Compute what is marked of one device, or a bounded part of it; return the points read, None if nothing is."""
        try:
            points = await work.refresh(_rolled)
        except _LOST:
            points = 0
        self._points += points or 0
        return points


def _rolled(key: SeriesKey, kind: Kind, timestamps: Timestamps, values: Values) -> Iterable[RolledDay]:
    return rolled_days(SeriesPoints(*key, timestamps, kind, values))
