"""Lets writes in as far as there is room for them."""

from __future__ import annotations

import asyncio

import grpc

from iotflow.telemetry._errors import SpoolFullError, TelemetryError
from iotflow.telemetry._gateway_status import OnFull
from iotflow.telemetry._intake import Intake
from iotflow.telemetry._keeper import Keeper
from iotflow.telemetry._ledger import out_of_time


def not_open() -> TelemetryError:
    """The error of what a writer that is not open is asked for."""
    return TelemetryError(grpc.StatusCode.CANCELLED, "the writer is not open: use it within 'with'")


class Gate:
    """Bounds what the spool holds, and what is in memory alone on its way there."""

    def __init__(self, keeper: Keeper, intake: Intake, on_full: OnFull, *, max_bytes: int, memory_bytes: int) -> None:
        self._keeper = keeper
        self._backlog = keeper.backlog
        self._intake = intake
        self._on_full = on_full
        self._max_bytes = max_bytes
        self._memory_bytes = memory_bytes
        # Writes that wait go in by turns.
        self._turn = asyncio.Lock()
        self._is_closed = False

    def close(self) -> None:
        """Turn away all who wait."""
        self._is_closed = True
        self._backlog.changed.beat()

    async def admit(self, nbytes: int, timeout: float | None) -> None:
        """Return once there is room; the caller has to fill it before anybody else runs.

        :raises SpoolFullError: there is none, and a full spool raises; or there never will be.
        :raises DeadlineExceededError: there was none in ``timeout`` seconds.
        :raises SpoolError: what is in memory cannot be put on disk.
        """
        if self._is_open(nbytes) and not self._turn.locked():
            return
        if nbytes > self._max_bytes:
            raise SpoolFullError(f"the write has {nbytes} bytes, the spool takes {self._max_bytes}: write it in parts")
        try:
            async with asyncio.timeout(timeout), self._turn:
                while not self._is_open(nbytes):
                    await self._make_room(nbytes)
        except TimeoutError:
            raise out_of_time("no room in the spool", timeout) from None

    def _is_open(self, nbytes: int) -> bool:
        return not self._is_full(nbytes) and not self._is_behind(nbytes)

    def _is_full(self, nbytes: int) -> bool:
        return self._backlog.footprint + self._intake.nbytes + nbytes > self._max_bytes

    def _is_behind(self, nbytes: int) -> bool:
        unsaved = self._backlog.unsaved_bytes + self._intake.nbytes
        return unsaved > 0 and unsaved + nbytes > self._memory_bytes

    async def _make_room(self, nbytes: int) -> None:
        if self._is_closed:
            raise not_open()
        if not self._is_full(nbytes):
            await self._catch_up()
        elif self._on_full is OnFull.RAISE:
            raise SpoolFullError(f"the spool is full: {self._backlog.points} points wait for the service")
        elif self._on_full is OnFull.BLOCK:
            await self._backlog.changed.next()
        elif not self._backlog.drop_oldest():
            await self._look_for_oldest()

    async def _catch_up(self) -> None:
        if self._keeper.error is not None:
            raise self._keeper.error
        await self._backlog.changed.next()

    async def _look_for_oldest(self) -> None:
        if self._backlog.has_unloaded:
            await self._keeper.load()
        else:
            await self._backlog.changed.next()
