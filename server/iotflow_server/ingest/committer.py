"""Group commit: what arrives while a flush runs becomes the next flush. There are no timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from iotflow_server.ingest.lanes import Lanes
from iotflow_server.ingest.pending import Pending, Submission
from iotflow_server.ingest.writable import Writable
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.frame_builder import FrameBuilder

#: A flush ends with the submission that takes it over this many bytes, to bound the wait for it.
FLUSH_BYTES = 1 << 19
#: Flushes under way at once; they never share a device.
FLUSHES_IN_FLIGHT = 2
#: Less than that waits for the flush under way to end: two flushes of a few points each cost more than one of both.
FLUSH_BESIDE_BYTES = 1 << 16
#: Turns of the event loop after which a flush begins although submissions still come.
_MOST_TURNS = 16

Write = Callable[[Frame], Coroutine[Any, Any, WriteOutcome]]


class GroupCommitter:
    """Gathers submissions and writes them together, each device in the order of submission.

    ``precision_us`` tells the precision of a flush when it begins; ``settled`` hears of the bytes that a flush held.
    """

    def __init__(self, write: Write, precision_us: Callable[[], int], settled: Callable[[int], None]) -> None:
        self._write = write
        self._precision_us = precision_us
        self._settled = settled
        self._pending = Pending()
        self._flushes: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        #: Who may touch which device; hold one to keep flushes away from it.
        self.lanes = Lanes(self._freed)

    def start(self) -> None:
        """Begin to flush."""
        self._loop = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Flush what was submitted, then end."""
        if self._loop is None:
            return
        self._wake.set()
        await self._idle.wait()
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)
        self._loop = None

    def submit(self, writable: Writable) -> asyncio.Future[WriteOutcome]:
        """Return what will be done once it is durable, or fail with what the store raised.

        Whoever waits for it must shield it: a caller that goes away does not stop the write.
        """
        submission = Submission(writable, asyncio.get_running_loop().create_future())
        self._pending.add(submission)
        self._idle.clear()
        self._wake.set()
        return submission.done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._all_arrived()
            while self._may_begin() and (flush := self._take()):
                self._begin(flush)
            if not self._pending and not self._flushes:
                self._idle.set()

    async def _all_arrived(self) -> None:
        """Let the event loop take in what has come already: it costs no time, and makes one flush of many."""
        known = -1
        for _ in range(_MOST_TURNS):
            if self._pending.nbytes == known or self._pending.nbytes >= FLUSH_BYTES:
                return
            known = self._pending.nbytes
            await asyncio.sleep(0)

    def _may_begin(self) -> bool:
        if not self._flushes:
            return True
        return len(self._flushes) < FLUSHES_IN_FLIGHT and self._pending.nbytes >= FLUSH_BESIDE_BYTES

    def _take(self) -> list[Submission]:
        return self._pending.take(self.lanes.is_free, FLUSH_BYTES)

    def _begin(self, flush: list[Submission]) -> None:
        devices: frozenset[int] = frozenset().union(*(submission.devices for submission in flush))
        self.lanes.take(devices)
        task = asyncio.create_task(self._flush(flush, devices), name="flush")
        self._flushes.add(task)
        task.add_done_callback(self._ended)

    def _freed(self, device_ids: Collection[int] | None) -> None:
        self._pending.look_at(device_ids)
        self._wake.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._flushes.discard(task)
        self._wake.set()

    async def _flush(self, flush: list[Submission], devices: frozenset[int]) -> None:
        try:
            await self._write_together(flush)
        finally:
            self._settled(sum(submission.nbytes for submission in flush))
            await self.lanes.give_back(devices)

    async def _write_together(self, flush: list[Submission]) -> None:
        try:
            frame, ends = _gathered(flush, self._precision_us())
            outcome = await self._write(frame)
        except StoreRefusedError as error:
            if len(flush) == 1:
                _fail(flush, error)
            else:
                # One submission that the store refuses must fail alone.
                for submission in flush:
                    await self._write_together([submission])
        except Exception as error:
            _fail(flush, error)
        else:
            _succeed(flush, outcome, ends)


def _gathered(flush: Sequence[Submission], precision_us: int) -> tuple[Frame, list[int]]:
    """All batches of a flush, and how many there are up to the end of each submission."""
    builder = FrameBuilder()
    ends = []
    for submission in flush:
        submission.writable.add_to(builder, precision_us)
        ends.append(len(builder))
    return builder.build(), ends


def _fail(flush: Sequence[Submission], error: Exception) -> None:
    for submission in flush:
        if not submission.done.done():
            submission.done.set_exception(error)
            # The caller may have gone: then nobody fetches it.
            submission.done.exception()


def _succeed(flush: Sequence[Submission], outcome: WriteOutcome, ends: Sequence[int]) -> None:
    for submission, first, end in zip(flush, (0, *ends), ends, strict=False):
        if not submission.done.done():
            submission.done.set_result(_part_of(outcome, first, end) if outcome.refusals else outcome)


def _part_of(outcome: WriteOutcome, first: int, end: int) -> WriteOutcome:
    """What of an outcome is about some of the batches, which are counted from the first of them."""
    own = (refusal for refusal in outcome.refusals if first <= refusal.batch < end)
    return replace(outcome, refusals=tuple(replace(refusal, batch=refusal.batch - first) for refusal in own))
