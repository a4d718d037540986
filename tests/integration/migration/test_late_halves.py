"""The half of a write that comes late to the secondary does not outlast what another instance did to its points."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.repair_pace import RepairPace
from iotflow_server.migration.repairer import Repairer
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.company import Company
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import SLOW_SECONDS, Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.device_ranges import DeviceRanges
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import MS, T0, collect, point, points_of
from tests.support.waiting import until_told

DEVICE = 1
#: Time enough for a repair that does not wait; and more than any repair waits.
late = pytest.mark.parametrize("seconds", [1.0, SLOW_SECONDS + 2.0])


class LateStore(ObservedStore):
    """A store that a write or a delete of the router reaches only when it is let through."""

    def __init__(self, store: TelemetryStore) -> None:
        metrics = Metrics()
        super().__init__(store, metrics.time_store, metrics.points_stored)
        self.came = asyncio.Event()
        self.let_through = asyncio.Event()

    async def write(
        self, batches: Sequence[Batch], permission: Permission | None = None, *, tells_young: bool = True
    ) -> DeviceRanges:
        """Store batches."""
        if permission is not None:
            await permission.wait()
        await self._comes()
        return await super().write(batches, permission, tells_young=tells_young)

    async def delete(self, selection: Selection) -> None:
        """Delete points."""
        await self._comes()
        await super().delete(selection)

    async def _comes(self) -> None:
        self.came.set()
        await self.let_through.wait()


class Two:
    """Two instances in one phase. What the first one writes comes late to its secondary; the second one repairs."""

    def __init__(self, phase: Phase, stores: Sequence[TelemetryStore], pool_of: PostgresStore, folder: Path) -> None:
        self._stores = {store.name: store for store in stores}
        self._pool_of = pool_of
        assert phase.secondary is not None
        self.late = LateStore(self._stores[phase.secondary])
        locks = DeviceLocks(pool_of.pool)
        self.journals = [DirtyJournal(folder / f"{n}.sqlite", 100) for n in range(2)]
        self.marks = [WritesInFlight(folder / f"marks-{n}.sqlite") for n in range(2)]
        self.dirty = [
            DirtyRanges(journal, PostgresDirty(pool_of.pool, str(n), 100)) for n, journal in enumerate(self.journals)
        ]
        stance = Stance(phase)
        self.one = Router(
            stance, {**self._stores, self.late.name: self.late}, self.dirty[0], locks, self.marks[0], 60.0
        )
        self.other = Router(stance, self._stores, self.dirty[1], locks, self.marks[1], 60.0)
        self.one.company = self.other.company = Company.OTHERS
        pace = RepairPace(0, lambda: "", lambda: True)
        self._repairers = [
            Repairer(router, dirty.local, dirty.shared, locks, pace, lambda _, __: None)
            for router, dirty in zip((self.one, self.other), self.dirty, strict=True)
        ]

    async def start(self) -> None:
        async with self._pool_of.pool.connection() as connection:
            # Neither takes what the other one has claimed.
            await connection.execute("INSERT INTO instances (instance_id, name) VALUES ('0', 'one'), ('1', 'other')")
        for repairer in self._repairers:
            repairer.allow()
            repairer.start()

    async def close(self) -> None:
        for repairer in self._repairers:
            await repairer.stop()
        for journal, marks in zip(self.journals, self.marks, strict=True):
            journal.close()
            await marks.stop()
            marks.close()

    async def other_leaves(self) -> None:
        """In good order; the first one hears of it at once."""
        await self._repairers[1].stop()
        async with self._pool_of.pool.connection() as connection:
            await connection.execute("DELETE FROM instances WHERE instance_id = '1'")
        self.one.company = Company.NOBODY

    async def all_is_repaired(self) -> None:
        async def nothing_is_noted() -> bool:
            return not any([await dirty.count(store) for dirty in self.dirty for store in StoreName])

        async with asyncio.timeout(30):
            await until_told(nothing_is_noted)

    async def contents(self) -> list[object]:
        return [points_of(await collect(store.scan(Selection((DEVICE,))))) for store in self._stores.values()]


@pytest.fixture
async def in_phase(
    iotdb_store: IotdbStore, postgres_store: PostgresStore, tmp_path: Path
) -> AsyncIterator[Callable[[Phase], Awaitable[Two]]]:
    async with AsyncExitStack() as stack:

        async def make(phase: Phase) -> Two:
            two = Two(phase, (iotdb_store, postgres_store), postgres_store, tmp_path)
            stack.push_async_callback(two.close)
            await two.start()
            return two

        yield make


async def _late_beside(two: Two, seconds: float, change: Callable[[], Awaitable[object]]) -> None:
    write = asyncio.create_task(two.one.write([point(DEVICE, T0, "x", 1.0)]))
    await _late(two, write, seconds, change)


async def _late(two: Two, write: asyncio.Task[object], seconds: float, change: Callable[[], Awaitable[object]]) -> None:
    await two.late.came.wait()
    await change()
    await asyncio.sleep(seconds)
    two.late.let_through.set()
    await write
    await two.all_is_repaired()
    iotdb, postgres = await two.contents()
    assert iotdb == postgres


@late
async def test_a_late_half_does_not_undo_what_another_instance_wrote(
    in_phase: Callable[[Phase], Awaitable[Two]], seconds: float
) -> None:
    two = await in_phase(Phase.READ_POSTGRES)
    await _late_beside(two, seconds, lambda: two.other.write([point(DEVICE, T0, "x", 2.0)]))


@late
@pytest.mark.parametrize(("one", "other"), [(Company.NOBODY, Company.STRANGERS), (Company.STRANGERS, Company.NOBODY)])
async def test_a_late_half_crosses_with_who_does_not_know_yet_that_it_is_not_alone(
    in_phase: Callable[[Phase], Awaitable[Two]], one: Company, other: Company, seconds: float
) -> None:
    two = await in_phase(Phase.READ_POSTGRES)
    two.one.company, two.other.company = one, other
    # It is heard of within a second, but by who is frozen.
    await _late_beside(two, seconds, lambda: two.other.write([point(DEVICE, T0, "x", 2.0)]))


@late
async def test_a_late_delete_crosses_with_who_does_not_know_yet_that_it_is_not_alone(
    in_phase: Callable[[Phase], Awaitable[Two]], seconds: float
) -> None:
    two = await in_phase(Phase.READ_POSTGRES)
    two.one.company, two.other.company = Company.NOBODY, Company.STRANGERS
    delete = asyncio.create_task(two.one.delete(Selection((DEVICE,), None, TimeRange(T0, T0 + MS))))
    await _late(two, delete, seconds, lambda: two.other.write([point(DEVICE, T0, "x", 2.0)]))


async def test_a_late_half_does_not_undo_what_was_written_by_who_has_left(
    in_phase: Callable[[Phase], Awaitable[Two]],
) -> None:
    two = await in_phase(Phase.READ_POSTGRES)

    async def write_and_leave() -> None:
        await two.other.write([point(DEVICE, T0, "x", 2.0)])
        await two.other_leaves()

    await _late_beside(two, 1.0, write_and_leave)


@late
@pytest.mark.parametrize("phase", [Phase.DUAL_WRITE, Phase.READ_POSTGRES])
async def test_a_late_half_does_not_bring_back_what_another_instance_deleted(
    in_phase: Callable[[Phase], Awaitable[Two]], phase: Phase, seconds: float
) -> None:
    two = await in_phase(phase)
    deleted = Selection((DEVICE,), None, TimeRange(T0, T0 + MS))
    await _late_beside(two, seconds, lambda: two.other.delete(deleted))
