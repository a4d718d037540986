"""An instance that is removed while a transition waits for it leaves nothing behind that reads would miss after it."""

from __future__ import annotations

import pytest

from iotflow_server.migration.fleet import FleetState, Step, Wish
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore

LEFT, DEAD = "left", "dead"


@pytest.fixture
async def fleet(postgres_store: PostgresStore) -> PostgresFleet:
    """Two instances, of which one has confirmed that nothing is dirty, and the other one has not."""
    fleet = PostgresFleet(postgres_store.pool)
    await fleet.first(Phase.DUAL_WRITE)
    for name in (LEFT, DEAD):
        await fleet.join(name, name)
    assert await fleet.begin(await _state(fleet), Wish(Phase.READ_POSTGRES, "test", "", forced=False))
    for step in (Step.ANNOUNCED, Step.STRICT):
        assert await _step(fleet) is step
        for name in (LEFT, DEAD):
            await fleet.confirm(name, (await _state(fleet)).revision)
        await _proceed(fleet)
    assert await _step(fleet) is Step.DRAINED
    await fleet.confirm(LEFT, (await _state(fleet)).revision)
    return fleet


async def _state(fleet: PostgresFleet) -> FleetState:
    state = await fleet.state()
    assert state is not None
    return state


async def _step(fleet: PostgresFleet) -> Step | None:
    moving = (await _state(fleet)).under_way
    return None if moving is None else moving.step


async def _proceed(fleet: PostgresFleet) -> bool:
    moving = (await _state(fleet)).under_way
    assert moving is not None
    return await fleet.proceed(moving)


async def test_what_it_may_have_missed_is_drained_before_reads_move(
    fleet: PostgresFleet, postgres_store: PostgresStore
) -> None:
    assert not await _proceed(fleet)
    await fleet.remove(DEAD, 0.0)
    assert await PostgresDirty(postgres_store.pool, LEFT, 100).count(StoreName.POSTGRES) == 1
    assert not await _proceed(fleet)
    assert await _step(fleet) is Step.DRAINED
    await fleet.confirm(LEFT, (await _state(fleet)).revision)
    assert await _proceed(fleet)


async def test_who_left_nothing_behind_holds_nothing_up(fleet: PostgresFleet, postgres_store: PostgresStore) -> None:
    async with postgres_store.pool.connection() as connection:
        await connection.execute("UPDATE instances SET stopped = true WHERE instance_id = $1", DEAD)
    await fleet.remove(DEAD, 0.0)
    assert await _proceed(fleet)
    assert await _step(fleet) is Step.FLIPPED
