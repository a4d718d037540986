"""While the phase moves, writes are held for a moment and not for as long as a store hangs, and no job copies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.migration.agent import FleetAgent
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.fleet import Step, Wish
from iotflow_server.migration.fleet_figures import FleetFigures
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.position import PositionFile
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.migration.repair_pace import RepairPace
from iotflow_server.migration.repairer import Repairer
from iotflow_server.observability.load import StoreLoad
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.routing.secondary import Secondary
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.store import TelemetryStore
from tests.support.waiting import until_told


async def _give_up_on(secondary: Secondary, let_through: asyncio.Event, events: list[str]) -> None:
    async def hang(_: TelemetryStore) -> None:
        await let_through.wait()
        events.append("ended")

    assert not await secondary.settle(secondary.begin(hang))


@dataclass(frozen=True)
class Turn:
    """An instance whose secondary is away; ``events`` hears when writes are held."""

    agent: FleetAgent
    fleet: PostgresFleet
    router: Router
    events: list[str]

    async def begin(self, target: Phase) -> None:
        await self.agent.tick()
        assert await self.fleet.begin(self.agent.state, Wish(target, "test", "", forced=True))

    async def is_draining(self) -> bool:
        state = await self.fleet.state()
        return state is not None and state.under_way is not None and state.under_way.step is Step.DRAINED

    async def end(self, target: Phase) -> None:
        while self.router.phase is not target:
            await self.agent.tick()


@pytest.fixture
async def turn(postgres_store: PostgresStore, tmp_path: Path) -> AsyncIterator[Turn]:
    pool, file, events = postgres_store.pool, PositionFile(tmp_path), list[str]()
    fleet, journal, marks = PostgresFleet(pool), DirtyJournal(tmp_path / "d.sqlite"), WritesInFlight(tmp_path / "m")
    dirty, locks = DirtyRanges(journal, PostgresDirty(pool, file.instance_id(), 100)), DeviceLocks(pool)
    state = await fleet.first(Phase.READ_POSTGRES)
    stores: list[TelemetryStore] = [postgres_store, IotdbStore(IotdbSettings(host="127.0.0.1", port=1), lambda _: 0)]
    router = Router(state.stance, {store.name: store for store in stores}, dirty, locks, marks, 0.01)
    repairer = Repairer(
        router, journal, dirty.shared, locks, RepairPace(0, lambda: "", lambda: True), lambda _, __: None
    )
    figures = FleetFigures(
        file.instance_id(), dirty, fleet, lambda: dict.fromkeys(StoreName, StoreLoad()), silence_seconds=10.0
    )

    @asynccontextmanager
    async def quiesced() -> AsyncIterator[None]:
        events.append("held")
        yield

    agent = FleetAgent(
        fleet, file, state, router, dirty, quiesced, repairer, figures, name="one", patience_seconds=60.0
    )
    yield Turn(agent, fleet, router, events)
    journal.close()
    marks.close()


async def test_what_was_given_up_on_is_waited_for_before_writes_are_held(turn: Turn) -> None:
    await turn.begin(Phase.POSTGRES_ONLY)
    await turn.agent.tick()
    turn.events.clear()
    secondary, let_through = turn.router.secondary(), asyncio.Event()
    assert secondary is not None
    await _give_up_on(secondary, let_through, turn.events)
    moving = asyncio.create_task(turn.agent.tick())
    await asyncio.sleep(0.3)
    let_through.set()
    await moving
    assert turn.router.phase is Phase.POSTGRES_ONLY
    assert turn.events == ["ended", "held"]


async def test_stores_change_places_once_no_job_copies_any_more(turn: Turn) -> None:
    await turn.begin(Phase.DUAL_WRITE)
    async with turn.agent.copies.copying():
        moving = asyncio.create_task(turn.end(Phase.DUAL_WRITE))
        await until_told(turn.is_draining)
        await asyncio.sleep(1.0)
        assert await turn.is_draining()
    await moving
    # And until everybody has moved, none begins.
    beginning = turn.agent.copies.copying()
    await turn.agent.tick()
    async with asyncio.timeout(5), beginning:
        assert turn.router.phase is Phase.DUAL_WRITE
