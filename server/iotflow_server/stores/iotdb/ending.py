"""Ends at the server what nobody waits for any more.

While IoTDB works on a statement it does not notice that its connection is closed, and Thrift's cancelOperation is not
implemented there. What ends a statement is KILL QUERY, whose id SHOW QUERIES tells beside the statement's text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any, Final

import structlog

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.iotdb.cancellation import MARK_LENGTH, Cancellation
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.status import StatusError

_log = structlog.get_logger(__name__)

#: Before the first look, since most statements are through by then. Further ones, each after twice as long, are for
#: statements that had only just been sent and were not shown yet.
_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0


class Ender:
    """Ends the statements of cancelled reads, those of all over one connection."""

    def __init__(self, settings: IotdbSettings) -> None:
        self._settings = settings
        self._cancelled: dict[asyncio.Future[Any], Cancellation] = {}
        self._task: asyncio.Task[None] | None = None

    def end(self, read: asyncio.Future[Any], cancellation: Cancellation) -> None:
        """Let a read end soon that a thread is at until ``read`` is done."""
        cancellation.is_wanted = True
        if read.done():
            return
        self._cancelled[read] = cancellation
        read.add_done_callback(lambda done: self._cancelled.pop(done, None))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="iotdb-ender")

    def stop(self) -> None:
        """Leave what is still under way to its time-out."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        pause = _PAUSE_SECONDS
        try:
            while await self._goes_on_after(pause):
                await asyncio.to_thread(self._kill_all, {each.mark for each in self._cancelled.values()})
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        except Exception as error:
            # IoTDB is away, or its user has no right to: they end by their time-out then.
            _log.warning("cancelled reads go on", action="cancelled_reads_go_on", error=str(error))
            self._cancelled.clear()
        finally:
            self._task = None

    async def _goes_on_after(self, seconds: float) -> bool:
        if self._cancelled:
            await asyncio.wait(self._cancelled, timeout=seconds)
        return bool(self._cancelled)

    def _kill_all(self, marks: Collection[str]) -> None:
        session = Session(self._settings, time.monotonic() + self._settings.timeout_seconds)
        try:
            shown = session.query("SHOW QUERIES")
            for query_id, statement in zip(shown.texts("QueryId"), shown.texts("Statement"), strict=True):
                if statement[-MARK_LENGTH:] in marks:
                    _kill(session, query_id)
        finally:
            session.close()


def _kill(session: Session, query_id: str) -> None:
    try:
        session.execute(f"KILL QUERY '{query_id}'")
    except StatusError as error:
        if not error.only_says_that_it_has_ended:
            raise
