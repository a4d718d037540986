from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from iotflow_server.ingest.budget import ByteBudget
from iotflow_server.ingest.committer import FLUSH_BESIDE_BYTES, FLUSH_BYTES, FLUSH_SUBMISSIONS, GroupCommitter
from iotflow_server.ingest.errors import OverloadedError
from iotflow_server.ingest.waiter import FutureWaiter
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.errors import StoreRefusedError, StoreUnavailableError, WriterSupersededError
from iotflow_server.stores.frame_builder import FrameBuilder
from iotflow_server.stores.name import StoreName


def batch(device_id: int, mark: int = 0) -> Batch:
    return Batch(device_id, np.array([mark], dtype=np.int64), ())


class Points:
    """Batches of a message."""

    def __init__(self, batches: Sequence[Batch], nbytes: int) -> None:
        self.batches = batches
        self.devices = frozenset(batch.device_id for batch in batches)
        self.nbytes = self.size = nbytes

    def add_to(self, frame: FrameBuilder, precision_us: int) -> None:
        for each in self.batches:
            frame.add_batch(each)


def group_committer(writer: Writer) -> GroupCommitter:
    return GroupCommitter(writer, lambda: 1, lambda _: None)


async def submit(committer: GroupCommitter, batches: Sequence[Batch], nbytes: int) -> WriteOutcome:
    return await submitted(committer, Points(batches, nbytes))


def submitted(committer: GroupCommitter, points: Points) -> asyncio.Future[WriteOutcome]:
    waiter = FutureWaiter()
    committer.submit(points, waiter)
    return waiter.future


class Writer:
    """Records flushes; each waits for the gate."""

    def __init__(self) -> None:
        self.flushes: list[list[tuple[int, int]]] = []
        self.gate = asyncio.Event()
        self.refuses: set[int] = set()
        self.refusal = StoreRefusedError(StoreName.POSTGRES, "no")
        self.fails = False

    async def __call__(self, batches: Sequence[Batch]) -> WriteOutcome:
        self.flushes.append([(b.device_id, int(b.timestamps[0])) for b in batches])
        await self.gate.wait()
        if self.fails:
            raise StoreUnavailableError(StoreName.POSTGRES, "away")
        if any(b.device_id in self.refuses for b in batches):
            raise self.refusal
        refusals = tuple(
            Refusal(i, RefusalReason.TYPE, str(b.device_id)) for i, b in enumerate(batches) if b.device_id == 66
        )
        return WriteOutcome((StoreName.POSTGRES,), refusals)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_arrives_during_a_flush_becomes_the_next() -> None:
    writer = Writer()
    committer = group_committer(writer)
    committer.start()
    calls = [asyncio.create_task(submit(committer, [batch(1, mark)], 1)) for mark in range(4)]
    await settle()
    assert writer.flushes == [[(1, 0), (1, 1), (1, 2), (1, 3)]] or writer.flushes == [[(1, 0)]]
    writer.gate.set()
    await asyncio.gather(*calls)
    assert [point for flush in writer.flushes for point in flush] == [(1, mark) for mark in range(4)]
    await committer.stop()


async def test_a_device_is_never_in_two_flushes_at_once_and_keeps_its_order() -> None:
    writer = Writer()
    committer = group_committer(writer)
    committer.start()
    first = asyncio.create_task(submit(committer, [batch(1, 1)], 1))
    await settle()
    both = asyncio.create_task(submit(committer, [batch(1, 2), batch(2, 2)], 1))
    other = asyncio.create_task(submit(committer, [batch(2, 3)], 1))
    free = asyncio.create_task(submit(committer, [batch(3, 4)], FLUSH_BESIDE_BYTES))
    await settle()
    # Device 3 flows past; device 2 waits behind the submission that waits for device 1.
    assert writer.flushes == [[(1, 1)], [(3, 4)]]
    writer.gate.set()
    await asyncio.gather(first, both, other, free)
    written = [point for flush in writer.flushes for point in flush]
    assert written.index((2, 2)) < written.index((2, 3))
    await committer.stop()


async def test_a_few_points_wait_for_the_flush_under_way() -> None:
    writer = Writer()
    committer = group_committer(writer)
    committer.start()
    calls = [asyncio.create_task(submit(committer, [batch(1)], 1))]
    await settle()
    calls += [asyncio.create_task(submit(committer, [batch(device)], 1)) for device in (2, 3, 4)]
    await settle()
    assert writer.flushes == [[(1, 0)]]
    writer.gate.set()
    await asyncio.gather(*calls)
    assert writer.flushes[1:] == [[(2, 0), (3, 0), (4, 0)]]
    await committer.stop()


async def test_a_submission_that_the_store_refuses_fails_alone() -> None:
    writer = Writer()
    writer.refuses = {2}
    committer = group_committer(writer)
    blocker = asyncio.create_task(submit(committer, [batch(9)], 1))
    calls = [asyncio.create_task(submit(committer, [batch(device)], 1)) for device in (1, 2, 3)]
    await settle()
    writer.gate.set()
    committer.start()
    results = await asyncio.gather(blocker, *calls, return_exceptions=True)
    assert [isinstance(result, StoreRefusedError) for result in results] == [False, False, True, False]
    await committer.stop()


async def test_a_superseded_submission_fails_alone() -> None:
    writer = Writer()
    writer.refuses, writer.refusal = {2}, WriterSupersededError(StoreName.POSTGRES, "a later one has begun")
    writer.gate.set()
    committer = group_committer(writer)
    calls = [asyncio.create_task(submit(committer, [batch(device)], 1)) for device in (1, 2, 3)]
    await settle()
    committer.start()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [result is writer.refusal for result in results] == [False, True, False]
    await committer.stop()


async def test_what_is_withdrawn_before_its_flush_is_not_written_and_gives_its_room_back() -> None:
    writer = Writer()
    settled: list[int] = []
    committer = GroupCommitter(writer, lambda: 1, settled.append)
    committer.start()
    begun, stays = Points([batch(1, 1)], 10), Points([batch(2, 5)], 20)
    # The second of these waits behind the first.
    gone = [Points([batch(1, 2)], 100), Points([batch(1, 3), batch(2, 3)], 200), Points([batch(3, 4)], 400)]
    first = submitted(committer, begun)
    await settle()
    withdrawn = [submitted(committer, each) for each in gone]
    last = submitted(committer, stays)
    committer.withdraw([begun, *gone])
    assert sorted(settled) == [100, 200, 400]
    writer.gate.set()
    await asyncio.gather(first, last)
    await committer.stop()
    assert [each.cancelled() for each in withdrawn] == [True] * 3
    assert writer.flushes == [[(1, 1)], [(2, 5)]]
    assert sum(settled) == 730


async def test_what_waited_behind_the_withdrawn_goes_at_once() -> None:
    writer = Writer()
    writer.gate.set()
    committer = group_committer(writer)
    committer.start()
    gone, behind = Points([batch(1), batch(2)], 1), Points([batch(2, 7)], 1)
    async with committer.lanes.holding(1):
        submitted(committer, gone)
        done = submitted(committer, behind)
        await settle()
        assert not done.done()
        committer.withdraw([gone])
        await done
    assert writer.flushes == [[(2, 7)]]
    await committer.stop()


async def test_a_committer_of_which_all_was_withdrawn_is_idle() -> None:
    committer = group_committer(Writer())
    committer.start()
    gone = Points([batch(1)], 1)
    async with committer.lanes.holding(1):
        submitted(committer, gone)
        await settle()
        committer.withdraw([gone])
        async with asyncio.timeout(10):
            await committer.stop()


async def test_an_absent_store_fails_every_caller_of_the_flush() -> None:
    writer = Writer()
    writer.fails = True
    writer.gate.set()
    committer = group_committer(writer)
    committer.start()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await submit(committer, [batch(1)], 1)
    await committer.stop()


async def test_refusals_reach_the_submission_they_belong_to() -> None:
    writer = Writer()
    writer.gate.set()
    committer = group_committer(writer)
    calls = [asyncio.create_task(submit(committer, b, 1)) for b in ([batch(1)], [batch(2), batch(66)])]
    await settle()
    committer.start()
    outcomes = await asyncio.gather(*calls)
    assert [[r.batch for r in outcome.refusals] for outcome in outcomes] == [[], [1]]
    await committer.stop()


async def test_nothing_is_written_for_a_held_device_or_while_quiesced() -> None:
    writer = Writer()
    writer.gate.set()
    committer = group_committer(writer)
    committer.start()
    async with committer.lanes.holding(1):
        held = asyncio.create_task(submit(committer, [batch(1)], 1))
        await submit(committer, [batch(2)], 1)
        assert not held.done()
    await held
    async with committer.lanes.quiesced():
        waits = asyncio.create_task(submit(committer, [batch(2)], 1))
        await settle()
        assert not waits.done()
    await waits
    await committer.stop()


async def test_stopping_stores_what_was_submitted() -> None:
    writer = Writer()
    committer = group_committer(writer)
    committer.start()
    calls = [asyncio.create_task(submit(committer, [batch(device)], 1)) for device in range(5)]
    await settle()
    stop = asyncio.create_task(committer.stop())
    await settle()
    assert not stop.done()
    writer.gate.set()
    await stop
    assert all(call.done() for call in calls)
    await asyncio.gather(*calls)


async def test_a_caller_that_goes_away_does_not_stop_the_write() -> None:
    writer = Writer()
    committer = group_committer(writer)
    committer.start()
    call = asyncio.create_task(submit(committer, [batch(1, 7)], 1))
    await settle()
    call.cancel()
    writer.gate.set()
    await submit(committer, [batch(1, 8)], 1)
    assert [point for flush in writer.flushes for point in flush] == [(1, 7), (1, 8)]
    await committer.stop()


async def test_the_budget_is_first_come_first_served() -> None:
    budget = ByteBudget(10)
    budget.reserve_now(8)
    large = asyncio.create_task(budget.reserve(5))
    await settle()
    with pytest.raises(OverloadedError):
        budget.reserve_now(1)
    small = asyncio.create_task(budget.reserve(1))
    await settle()
    assert not large.done()
    assert not small.done()
    budget.release(8)
    await asyncio.gather(large, small)
    assert budget.used == 6


async def test_one_request_beyond_the_whole_budget_passes_alone() -> None:
    budget = ByteBudget(10)
    budget.reserve_now(50)
    with pytest.raises(OverloadedError):
        budget.reserve_now(1)
    budget.release(50)
    assert budget.used == 0


async def test_a_cancelled_wait_leaves_the_budget_as_it_was() -> None:
    budget = ByteBudget(10)
    budget.reserve_now(10)
    gone = asyncio.create_task(budget.reserve(5))
    stays = asyncio.create_task(budget.reserve(6))
    await settle()
    gone.cancel()
    budget.release(10)
    await stays
    assert budget.used == 6


async def test_the_backlog_of_one_device_does_not_keep_others_waiting() -> None:
    writer = Writer()
    writer.gate.set()
    committer = group_committer(writer)
    flood = [asyncio.create_task(submit(committer, [batch(1, n)], FLUSH_BYTES // 2)) for n in range(20)]
    flood += [asyncio.create_task(submit(committer, [batch(2, n)], FLUSH_BYTES // 2)) for n in range(20)]
    await settle()
    late = asyncio.create_task(submit(committer, [batch(3)], 1))
    await settle()
    committer.start()
    await asyncio.gather(late, *flood)
    (place,) = [number for number, flush in enumerate(writer.flushes) if (3, 0) in flush]
    assert place < 4
    await committer.stop()


async def test_many_waiting_messages_of_a_few_devices_go_in_few_flushes() -> None:
    writer = Writer()
    committer = group_committer(writer)
    committer.start()
    calls = [asyncio.create_task(submit(committer, [batch(n % 4, n)], 1)) for n in range(20_000)]
    await settle()
    writer.gate.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*calls)
    assert len(writer.flushes) < 2 * 20_000 / FLUSH_SUBMISSIONS
    for device in range(4):
        marks = [mark for flush in writer.flushes for own, mark in flush if own == device]
        assert marks == list(range(device, 20_000, 4))
    await committer.stop()
