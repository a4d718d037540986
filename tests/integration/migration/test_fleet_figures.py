"""What one instance knows of the figures of all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from iotflow_server.composition.core import core_of
from iotflow_server.composition.jobs import strain_of_jobs
from iotflow_server.config import IotdbSettings
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.fleet_figures import FleetFigures
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.observability.load import StoreLoad
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import TimeRange
from tests.support.service import settings_of

POSTGRES, IOTDB = StoreName.POSTGRES, StoreName.IOTDB
HOUR = 3_600_000_000


class Member:
    """One instance of a fleet in DUAL_WRITE: its dirty ranges, and its figures."""

    def __init__(self, name: str, folder: Path, fleet: PostgresFleet, store: PostgresStore, stack: ExitStack) -> None:
        journal = DirtyJournal(folder / name / "dirty.sqlite")
        stack.callback(journal.close)
        self.name = name
        self.dirty = DirtyRanges(journal, PostgresDirty(store.pool, name, 100))
        self.load = StoreLoad()
        self._fleet = fleet
        self.figures = FleetFigures(
            name, self.dirty, fleet, lambda: dict.fromkeys(StoreName, self.load), silence_seconds=60
        )

    async def beat(self) -> None:
        """Tell the fleet."""
        state = await self._fleet.state()
        assert state is not None
        assert await self._fleet.beat(self.name, self.figures.pulse(state, alone=False)) is not None

    async def note(self, store: StoreName, device_id: int, points: int, hour: int = 0) -> None:
        """Note that a store may lack points."""
        await self.dirty.add(store, [DirtyRange(device_id, TimeRange(hour * HOUR, hour * HOUR + 1), points)])


@pytest.fixture
async def both(tmp_path: Path, postgres_store: PostgresStore) -> AsyncIterator[tuple[Member, Member]]:
    fleet = PostgresFleet(postgres_store.pool)
    await fleet.first(Phase.DUAL_WRITE)
    with ExitStack() as stack:
        members = [Member(name, tmp_path, fleet, postgres_store, stack) for name in ("one", "two")]
        for member in members:
            await fleet.join(member.name, member.name)
        yield members[0], members[1]


async def test_what_another_instance_has_on_its_disk_is_known_and_gone_with_it(
    both: tuple[Member, Member], postgres_store: PostgresStore
) -> None:
    one, two = both
    await two.note(POSTGRES, 1, 10)
    await two.note(POSTGRES, 2, 5)
    await one.note(POSTGRES, 3, 1)
    two.load = StoreLoad(7, 100.0, 3.0, 0.5, 0.25)
    one.load = StoreLoad(1, 20.0, 1.0, 0.1, 0.75)
    await two.beat()
    await one.figures.look()
    figures = one.figures.of(POSTGRES)
    assert (figures.dirt.ranges, figures.dirt.points) == (3, 16)
    assert figures.load == StoreLoad(8, 120.0, 4.0, 0.5, 0.75)
    assert one.figures.missed(POSTGRES) == 3
    assert one.figures.dirt(IOTDB).ranges == 0
    await two.dirty.local.forget(POSTGRES)
    await two.beat()
    await one.figures.look()
    assert (one.figures.dirt(POSTGRES).ranges, one.figures.dirt(POSTGRES).points) == (1, 1)


async def test_what_all_share_counts_once_and_its_points_by_whoever_wrote_them(both: tuple[Member, Member]) -> None:
    one, two = both
    await one.note(IOTDB, 1, 10)
    await two.note(IOTDB, 1, 4)
    await two.note(IOTDB, 2, 3)
    for member in both:
        await member.figures.look()
        await member.beat()
    for member in both:
        await member.figures.look()
        dirt = member.figures.dirt(IOTDB)
        assert (dirt.ranges, dirt.points) == (2, 17)
        assert member.figures.missed(IOTDB) == 0


async def test_of_an_instance_that_is_silent_only_what_is_dirty_counts(
    both: tuple[Member, Member], postgres_store: PostgresStore
) -> None:
    one, two = both
    two.load = StoreLoad(points_per_second=100.0)
    await two.note(POSTGRES, 1, 10)
    await two.beat()
    async with postgres_store.pool.connection() as connection:
        await connection.execute("UPDATE instances SET heard_at = heard_at - interval '5 minutes'")
    await one.figures.look()
    assert one.figures.of(POSTGRES).load == StoreLoad()
    assert one.figures.dirt(POSTGRES).ranges == 1


async def test_points_of_a_shared_range_go_with_its_repair(both: tuple[Member, Member]) -> None:
    shared = both[0].dirty.shared
    await both[0].dirty.add(IOTDB, [DirtyRange(1, TimeRange(0, 4 * HOUR), 100)])
    entry = await shared.claim([IOTDB])
    assert entry is not None
    entry = await shared.shrink(entry, HOUR)
    assert ((await shared.dirt())[IOTDB].points, entry.range.points) == (75, 75)
    await shared.split(entry, [])
    assert (await shared.dirt())[IOTDB].points == 0


async def test_writes_that_are_slow_through_another_instance_hold_the_jobs_of_this_one_back(
    tmp_path: Path, postgres_dsn: str, postgres_store: PostgresStore, iotdb_settings: IotdbSettings
) -> None:
    settings = settings_of(tmp_path / "data", postgres_dsn, iotdb_settings, initial_phase=Phase.DUAL_WRITE)
    async with AsyncExitStack() as stack:
        core = await core_of(settings, Metrics(), stack)
        strain = strain_of_jobs(core)
        other = Member("other", tmp_path, core.fleet, postgres_store, stack.enter_context(ExitStack()))
        await core.fleet.join(other.name, other.name)
        other.load = StoreLoad(write_p95_seconds=0.75)
        await other.beat()
        assert strain() == ""
        await core.figures.look()
        assert strain() == "live writes to postgres: p95 is 0.75 s, over 0.5 s"
        other.load = StoreLoad(write_p95_seconds=0.25)
        await other.beat()
        await core.figures.look()
        assert strain() == ""
