"""Where other instances write too, what may have crossed with their writes is compared; and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.routing.company import Company
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection, TimeRange
from iotflow_server.stores.store import YOUNG_SECONDS
from tests.support.batches import MS, T0, batch, point

_AGE = f"UPDATE telemetry_data SET created_at = now() - interval '{YOUNG_SECONDS + 1} s'"


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[DirtyJournal]:
    journal = DirtyJournal(tmp_path / "dirty.sqlite", 100)
    yield journal
    journal.close()


@pytest.fixture
async def router(
    iotdb_store: IotdbStore, postgres_store: PostgresStore, journal: DirtyJournal, tmp_path: Path
) -> AsyncIterator[Router]:
    marks = WritesInFlight(tmp_path / "in-flight.sqlite")
    dirty = DirtyRanges(journal, PostgresDirty(postgres_store.pool, "here", 100))
    stores = {store.name: store for store in (iotdb_store, postgres_store)}
    router = Router(Stance(Phase.DUAL_WRITE), stores, dirty, DeviceLocks(postgres_store.pool), marks, 60.0)
    router.company = Company.OTHERS
    yield router
    await marks.stop()
    marks.close()


async def _noted(journal: DirtyJournal) -> list[tuple[int | None, TimeRange]]:
    """What is noted; it is noted no more after this."""
    noted = []
    while (entry := await journal.claim((StoreName.IOTDB, StoreName.POSTGRES))) is not None:
        noted.append((entry.range.device_id, entry.range.time_range))
        await journal.split(entry, [])
    return noted


async def test_young_points_that_are_replaced_may_have_crossed(
    router: Router, journal: DirtyJournal, postgres_store: PostgresStore
) -> None:
    await router.write([batch(1, [T0, T0 + MS], x=[1.0, 2.0]), point(2, T0, "x", 1.0)])
    assert await _noted(journal) == []
    await router.write([point(1, T0 + MS, "x", 3.0), point(2, T0 + MS, "x", 1.0)])
    assert await _noted(journal) == [(1, TimeRange(T0 + MS, T0 + MS + 1))]
    async with postgres_store.pool.connection() as connection:
        await connection.execute(_AGE)
    await router.write([point(1, T0, "x", 4.0)])
    assert await _noted(journal) == []


async def test_of_a_write_only_what_replaces_young_points_may_have_crossed(
    router: Router, journal: DirtyJournal, postgres_store: PostgresStore
) -> None:
    moments = [T0 + moment * MS for moment in range(5)]
    await router.write([batch(1, moments[:2], x=[1.0, 2.0])])
    async with postgres_store.pool.connection() as connection:
        await connection.execute(_AGE)
    await router.write([batch(1, moments[2:4], x=[3.0, 4.0], y=[1, 2])])
    await router.write([batch(1, moments, x=[9.0] * 5)])
    assert await _noted(journal) == [(1, TimeRange(moments[2], moments[3] + 1))]


async def test_points_that_are_deleted_may_have_crossed(router: Router, journal: DirtyJournal) -> None:
    await router.delete(Selection((1,), None, TimeRange(T0, T0 + MS)))
    assert await _noted(journal) == [(1, TimeRange(T0, T0 + MS))]


async def test_all_of_a_slow_write_may_have_crossed(
    router: Router, journal: DirtyJournal, postgres_store: PostgresStore
) -> None:
    async with postgres_store.pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE telemetry_data IN SHARE MODE")
        write = asyncio.create_task(router.write([point(1, T0, "x", 1.0)]))
        # The write may have begun a little later.
        await asyncio.sleep(YOUNG_SECONDS / 2 + 0.5)
        assert await _noted(journal) == []
    await write
    assert await _noted(journal) == [(1, TimeRange(T0, T0 + 1))]


async def test_who_is_alone_crosses_nobody(router: Router, journal: DirtyJournal) -> None:
    router.company = Company.NOBODY
    for value in (1.0, 2.0):
        await router.write([point(1, T0, "x", value)])
    await router.delete(Selection((1,), None, TimeRange(T0, T0 + MS)))
    assert await _noted(journal) == []


async def test_who_is_alone_no_more_does_not_know_what_crossed(
    router: Router, journal: DirtyJournal, postgres_store: PostgresStore
) -> None:
    router.company = Company.NOBODY
    async with postgres_store.pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE telemetry_data IN SHARE MODE")
        write = asyncio.create_task(router.write([point(1, T0, "x", 1.0)]))
        await asyncio.sleep(0.2)
        router.company = Company.OTHERS
    await write
    assert await _noted(journal) == [(1, TimeRange(T0, T0 + 1))]


async def test_who_is_alone_only_in_the_end_may_have_crossed_before(
    router: Router, journal: DirtyJournal, postgres_store: PostgresStore
) -> None:
    await router.write([point(1, T0, "x", 1.0)])
    async with postgres_store.pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE telemetry_data IN SHARE MODE")
        write = asyncio.create_task(router.write([point(1, T0, "x", 2.0)]))
        delete = asyncio.create_task(router.delete(Selection((2,), None, TimeRange(T0, T0 + MS))))
        await asyncio.sleep(0.2)
        router.company = Company.NOBODY
    await asyncio.gather(write, delete)
    assert set(await _noted(journal)) == {(1, TimeRange(T0, T0 + 1)), (2, TimeRange(T0, T0 + MS))}
