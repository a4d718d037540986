"""Group commit: what arrives while a flush runs becomes the next flush. Nothing waits for a timer but a few points
among many callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from iotflow_server.ingest.lanes import Lanes
from iotflow_server.ingest.pending import Pending, Submission
from iotflow_server.ingest.waiter import Waiter
from iotflow_server.ingest.writable import Writable
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.frame_builder import FrameBuilder

#: A flush ends with the submission that takes it to so many bytes of values, some 30,000 points. Larger ones wait for
#: each other: PostgreSQL writes the log of all of one while another needs room in it, and the last one goes alone.
FLUSH_BYTES = 1 << 18
#: Or with this one, so that none holds up the event loop for long.
FLUSH_SUBMISSIONS = 1024
#: Flushes under way at once; they never share a device.
FLUSHES_IN_FLIGHT = 2
#: Less than that waits for the flush under way to end: two flushes of a few points each cost more than one of both.
FLUSH_BESIDE_BYTES = 1 << 16
#: Where others wait already when a flush ends, the next one gathers for so long, or until it has so many submissions:
#: a flush of a few costs nearly as much as one of many. PostgreSQL's commit_delay and commit_siblings are the same.
GATHER_SECONDS = 0.002
GATHER_SUBMISSIONS = 32

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
        self._gathering: asyncio.TimerHandle | None = None
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

    def submit(self, writable: Writable, waiter: Waiter) -> None:
        """Begin to store it; the waiter hears once it is durable, or what the store raised."""
        self._pending.add(Submission(writable, waiter))
        self._idle.clear()
        self._wake.set()

    def withdraw(self, writables: Collection[Writable]) -> None:
        """Do not write those of which no flush has begun; their waiters hear that."""
        for submission in self._pending.withdraw(writables):
            submission.waiter.withdrawn()
            self._settled(submission.nbytes)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._may_begin() and (flush := self._take()):
                self._begin(flush)
            if not self._pending and not self._flushes:
                self._idle.set()

    def _may_begin(self) -> bool:
        if self._pending.nbytes >= FLUSH_BESIDE_BYTES:
            return len(self._flushes) < FLUSHES_IN_FLIGHT
        return not self._flushes and (self._gathering is None or len(self._pending) >= GATHER_SUBMISSIONS)

    def _gather(self) -> None:
        self._gathering = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._wake.set()

    def _take(self) -> list[Submission]:
        return self._pending.take(self.lanes.is_free, FLUSH_BYTES, FLUSH_SUBMISSIONS)

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
        if self._pending and self._gathering is None:
            self._gather()
        self._wake.set()

    async def _flush(self, flush: list[Submission], devices: frozenset[int]) -> None:
        try:
            await self._write_together(flush)
        finally:
            self._settled(sum(submission.nbytes for submission in flush))
            await self.lanes.give_back(devices)

    async def _write_together(self, flush: list[Submission]) -> None:
        try:
            frame, ends = _frame_of(flush, self._precision_us())
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


def _frame_of(flush: Sequence[Submission], precision_us: int) -> tuple[Frame, list[int]]:
    """All batches of a flush, and how many there are up to the end of each submission."""
    builder = FrameBuilder()
    ends = []
    for submission in flush:
        submission.writable.add_to(builder, precision_us)
        ends.append(len(builder))
    return builder.build(), ends


def _fail(flush: Sequence[Submission], error: Exception) -> None:
    for submission in flush:
        submission.waiter.failed(error)


def _succeed(flush: Sequence[Submission], outcome: WriteOutcome, ends: Sequence[int]) -> None:
    for submission, first, end in zip(flush, (0, *ends), ends, strict=False):
        submission.waiter.stored(_part_of(outcome, first, end) if outcome.refusals else outcome)


def _part_of(outcome: WriteOutcome, first: int, end: int) -> WriteOutcome:
    """What of an outcome is about some of the batches, which are counted from the first of them."""
    own = (refusal for refusal in outcome.refusals if first <= refusal.batch < end)
    return replace(outcome, refusals=tuple(replace(refusal, batch=refusal.batch - first) for refusal in own))
