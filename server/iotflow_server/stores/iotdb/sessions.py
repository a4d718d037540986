"""The sessions of the store: a few threads, each with a session while it works, off the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.iotdb.cancellation import Cancellation
from iotflow_server.stores.iotdb.ending import Ender
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.status import is_lost_connection, store_error, unavailable

_Result = TypeVar("_Result")


class Sessions:
    """Runs work on sessions, at most ``pool_size`` at a time.

    A session that saw any error is thrown away. Where an idle session turns out to be dead, its fellows are
    thrown away too and the work is done once more on a new one; so all work must be harmless to repeat.
    """

    def __init__(self, settings: IotdbSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.pool_size)
        self._threads: ThreadPoolExecutor | None = None
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._ender = Ender(settings)

    async def read(self, work: Callable[[Session], _Result]) -> _Result:
        """Return what ``work`` returns, which changes nothing: where the caller goes away, it is stopped, at IoTDB too.

        :raises StoreUnavailableError: as :meth:`run` does.
        :raises StoreRefusedError: as :meth:`run` does.
        """
        cancellation = Cancellation()
        future = await self._begin(work, cancellation)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._ender.end(future, cancellation)
            raise

    async def run(self, work: Callable[[Session], _Result]) -> _Result:
        """Return what ``work`` returns; it runs in a thread and ends within the time-out, waited for or not.

        :raises StoreUnavailableError: IoTDB cannot be reached, did not answer in time, or all sessions stayed busy.
        :raises StoreRefusedError: IoTDB refused what was asked.
        """
        return await asyncio.shield(await self._begin(work))

    async def _begin(
        self, work: Callable[[Session], _Result], cancellation: Cancellation | None = None
    ) -> asyncio.Future[_Result]:
        deadline = time.monotonic() + self._settings.timeout_seconds
        await self._wait_for_slot()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._settings.pool_size, "iotdb")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._attempt, work, deadline, cancellation)
        # A caller that goes away must not free the slot before the thread is done.
        future.add_done_callback(lambda _: self._slots.release())
        return future

    def close(self) -> None:
        """Close idle sessions; those at work are closed when they are done."""
        threads, self._threads = self._threads, None
        self._ender.stop()
        self._drop_idle()
        if threads is not None:
            threads.shutdown(wait=False)

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise unavailable(f"all {self._settings.pool_size} sessions stayed busy") from None

    def _attempt(
        self, work: Callable[[Session], _Result], deadline: float, cancellation: Cancellation | None
    ) -> _Result:
        try:
            return self._work(work, deadline, cancellation)
        except Exception as error:
            raise store_error(error, self._settings) from error

    def _work(self, work: Callable[[Session], _Result], deadline: float, cancellation: Cancellation | None) -> _Result:
        session = self._take_idle()
        if session is not None:
            try:
                return self._use(session, work, deadline, cancellation)
            except Exception as error:
                if not is_lost_connection(error):
                    raise
                self._drop_idle()
        return self._use(Session(self._settings, deadline), work, deadline, cancellation)

    def _use(
        self,
        session: Session,
        work: Callable[[Session], _Result],
        deadline: float,
        cancellation: Cancellation | None,
    ) -> _Result:
        session.set_deadline(deadline)
        session.cancellation = cancellation
        try:
            result = work(session)
        except BaseException:
            session.close()
            raise
        self._give_back(session)
        return result

    def _take_idle(self) -> Session | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, session: Session) -> None:
        with self._lock:
            if self._threads is not None:
                self._idle.append(session)
                return
        session.close()

    def _drop_idle(self) -> None:
        with self._lock:
            dropped, self._idle = self._idle, []
        for session in dropped:
            session.close()
