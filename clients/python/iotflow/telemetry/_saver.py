"""Commits what has to be on disk: what is written while one commit runs becomes the next."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from iotflow.telemetry._errors import SpoolError
from iotflow.telemetry._intake import Intake
from iotflow.telemetry._keeper import Keeper

#: Entries that are no longer needed are deleted with the next write, or after so many seconds.
_DELETION_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 1.0
_LOG = logging.getLogger("iotflow.telemetry")


class Saver:
    """Runs the commits of one writer."""

    def __init__(self, keeper: Keeper, intake: Intake, *, is_durable: bool) -> None:
        self._keeper = keeper
        self._backlog = keeper.backlog
        self._intake = intake
        self._is_durable = is_durable
        self._is_stopping = False

    async def run(self) -> None:
        """Commit until told to stop."""
        while not self._is_stopping:
            await self._backlog.changed.until(self._has_work)
            if self._is_durable and not self._is_urgent():
                await self._backlog.changed.until(self._is_urgent, _DELETION_SECONDS)
            await self._commit()

    def stop(self) -> None:
        """Let :meth:`run` return after the commit that runs."""
        self._is_stopping = True
        self._backlog.changed.beat()

    def _has_work(self) -> bool:
        return self._is_urgent() or self._backlog.has_commit

    def _is_urgent(self) -> bool:
        return self._is_stopping or self._intake.has_waiting or self._backlog.has_inserts

    async def _commit(self) -> None:
        waiting = self._intake.take_waiting()
        if waiting:
            self._intake.seal()
        try:
            await self._keeper.save()
        except SpoolError as error:
            _fail(waiting, error)
            await self._pause(error)
        else:
            for each in waiting:
                if not each.done():
                    each.set_result(None)

    async def _pause(self, error: SpoolError) -> None:
        _LOG.error("%s", error)
        await self._backlog.changed.until(lambda: self._is_stopping or self._intake.has_waiting, _RETRY_SECONDS)


def _fail(waiting: list[asyncio.Future[None]], error: SpoolError) -> None:
    for each in waiting:
        if not each.done():
            each.set_exception(error)
