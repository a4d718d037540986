"""While the phase moves, writes are held for a moment, and not for as long as a store hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from iotflow_server.config import IotdbSettings
from iotflow_server.migration.agent import FleetAgent
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.fleet import Wish
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


async def _give_up_on(secondary: Secondary, let_through: asyncio.Event, events: list[str]) -> None:
    async def hang(_: TelemetryStore) -> None:
        await let_through.wait()
        events.append("ended")

    assert not await secondary.settle(secondary.begin(hang))


async def test_what_was_given_up_on_is_waited_for_before_writes_are_held(
    postgres_store: PostgresStore, tmp_path: Path
) -> None:
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
    await agent.tick()
    assert await fleet.begin(agent.state, Wish(Phase.POSTGRES_ONLY, "test", "", forced=True))
    await agent.tick()
    events.clear()
    secondary, let_through = router.secondary(), asyncio.Event()
    assert secondary is not None
    await _give_up_on(secondary, let_through, events)
    moving = asyncio.create_task(agent.tick())
    await asyncio.sleep(0.3)
    let_through.set()
    await moving
    assert router.phase is Phase.POSTGRES_ONLY
    assert events == ["ended", "held"]
    journal.close()
    marks.close()
