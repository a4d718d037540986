"""What a forced transition left is filled in; what is deleted meanwhile does not come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection, TimeRange
from iotflow_server.stores.store import Amendment, TelemetryStore
from tests.support.batches import MS, T0, collect, point
from tests.support.waiting import until

RANGE = TimeRange(T0, T0 + MS)


class SlowlyAmended(ObservedStore):
    """A store that takes a copy after others have had time to do what they do."""

    def __init__(self, store: TelemetryStore) -> None:
        metrics = Metrics()
        super().__init__(store, metrics.time_store, metrics.points_stored)
        self.is_amended = asyncio.Event()

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Make points what they should be."""
        self.is_amended.set()
        await asyncio.sleep(0.1)
        return await super().amend(amendment, mark)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[DirtyJournal]:
    journal = DirtyJournal(tmp_path / "dirty.sqlite", 100)
    yield journal
    journal.close()


@pytest.mark.parametrize("phase", [Phase.READ_POSTGRES, Phase.DUAL_WRITE])
async def test_what_is_deleted_while_it_is_filled_in_stays_deleted(
    phase: Phase, iotdb_store: IotdbStore, postgres_store: PostgresStore, journal: DirtyJournal, tmp_path: Path
) -> None:
    stores: dict[StoreName, TelemetryStore] = {store.name: store for store in (iotdb_store, postgres_store)}
    assert phase.secondary is not None
    await stores[phase.secondary].write([point(1, T0, "x", 1.0)])
    slow = stores[phase.primary] = SlowlyAmended(stores[phase.primary])
    marks = WritesInFlight(tmp_path / "in-flight.sqlite")
    dirty = DirtyRanges(journal, PostgresDirty(postgres_store.pool, "here", 100))
    locks = DeviceLocks(postgres_store.pool)
    router = Router(Stance(phase), stores, dirty, locks, marks, 60.0)
    router.company = Company.NOBODY
    await journal.add(phase.primary, [DirtyRange(1, RANGE)])
    repairer = Repairer(
        router, journal, dirty.shared, locks, RepairPace(0, lambda: "", lambda: True), lambda _, __: None
    )
    repairer.allow()
    repairer.start()
    await slow.is_amended.wait()
    await router.delete(Selection((1,), None, RANGE))
    async with asyncio.timeout(20):
        await until(lambda: not any(dirt.ranges for dirt in journal.dirt().values()))
    await repairer.stop()
    await marks.stop()
    marks.close()
    assert [await collect(store.scan(Selection((1,)))) for store in stores.values()] == [[], []]
