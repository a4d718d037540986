"""Keeps a number of workers serving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from iotflow_server.composition.foundation import StartError
from iotflow_server.workers.process import WorkerProcess

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0
#: A worker that has lived so long did not fail by its start.
_SOUND_SECONDS: Final = 60.0

Start = Callable[[int], Awaitable[WorkerProcess]]


class Supervisor:
    """Starts workers, and again those that die."""

    def __init__(self, count: int, start: Start, forget: Callable[[int], None], patience_seconds: float) -> None:
        """``forget`` is told the number of each worker that has ended. ``patience_seconds``: longest drain."""
        self._count = count
        self._start = start
        self._forget = forget
        self._patience = patience_seconds
        self._workers: dict[int, WorkerProcess] = {}
        self._serving: set[int] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._is_stopping = asyncio.Event()

    @property
    def serving(self) -> int:
        """How many workers serve."""
        return len(self._serving)

    async def start(self) -> None:
        """Start all, and let them serve once all could.

        :raises StartError: one of them cannot.
        """
        numbers = range(1, self._count + 1)
        for number in numbers:
            self._workers[number] = await self._start(number)
        await asyncio.gather(*(worker.ready() for worker in self._workers.values()))
        await asyncio.gather(*(self._serve(worker) for worker in self._workers.values()))
        self._keepers = [asyncio.create_task(self._keep(number), name=f"worker-{number}") for number in numbers]

    async def stop(self) -> None:
        """Let all drain, and return once all have ended."""
        self._is_stopping.set()
        workers = list(self._workers.values())
        await asyncio.gather(*(worker.drain() for worker in workers))
        await asyncio.gather(*map(self._end, workers))
        await asyncio.gather(*self._keepers)

    async def _serve(self, worker: WorkerProcess) -> None:
        await worker.serve()
        self._serving.add(worker.number)
        _log.info("worker serves", action="worker_serving", worker=worker.number, process=worker.process_id)

    async def _keep(self, number: int) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            begin = asyncio.get_running_loop().time()
            code = await self._workers[number].ended()
            self._serving.discard(number)
            self._forget(number)
            if self._is_stopping.is_set():
                return
            _log.warning("worker ended", action="worker_ended", worker=number, exit_code=code)
            if asyncio.get_running_loop().time() - begin > _SOUND_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            if await self._stops_within(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            await self._replace(number)

    async def _replace(self, number: int) -> None:
        worker = self._workers[number] = await self._start(number)
        if self._is_stopping.is_set():
            # It was not there when the others were told.
            await worker.drain()
        try:
            await worker.ready()
            await self._serve(worker)
        except StartError as error:
            _log.warning("worker did not start", action="worker_not_started", worker=number, error=str(error))

    async def _stops_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_stopping.wait()
        return self._is_stopping.is_set()

    async def _end(self, worker: WorkerProcess) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await worker.ended()
        except TimeoutError:
            _log.error("worker does not end", action="worker_killed", worker=worker.number)
            worker.kill()
            await worker.ended()
