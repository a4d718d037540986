"""What operators see of a fleet whose IoTDB is away: figures of all instances, one watch, and the repair's pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import STORE_IOTDB, STORE_POSTGRES
from iotflow_server.config import IotdbSettings
from iotflow_server.local.held_port import HeldPort
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.service import Caller, record, service, settings_of
from tests.support.waiting import until_told

BASE = 1_700_000_000_000


@pytest.fixture
def held_port() -> HeldPort:
    return HeldPort()


@pytest.fixture
def away(held_port: HeldPort) -> IotdbSettings:
    """An IoTDB that nobody runs."""
    return IotdbSettings(host="127.0.0.1", port=held_port.number)


@pytest.fixture
async def both(tmp_path: Path, postgres_dsn: str, away: IotdbSettings) -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        more: dict[str, Any] = {"initial_phase": "READ_POSTGRES"}
        settings = [settings_of(tmp_path / each, postgres_dsn, away, instance_name=each, **more) for each in "ab"]
        yield [await stack.enter_async_context(service(each)) for each in settings]


async def store_of(caller: Caller, store: int) -> pb.StoreStatus:
    return next(each for each in (await caller.status()).stores if each.store == store)


async def test_either_instance_tells_what_both_write_and_what_iotdb_has_missed(both: list[Caller]) -> None:
    one, two = both

    async def told_of_both() -> bool:
        await one.write(record(1, BASE, {"a": 1.0, "b": 2.0}))
        await two.write(record(2, BASE, {"a": 1.0}))
        await one.points(1)
        status = await store_of(two, STORE_POSTGRES)
        # A point a write through the one, two through the other.
        return status.points_per_second > 0 and status.reads_per_second > 0 and status.read_p95_seconds > 0

    await until_told(told_of_both)
    missed = await store_of(one, STORE_IOTDB)
    assert not missed.reachable
    assert missed.points_per_second == 0
    # One who has just come notes its own range on its own disk too, until the others know of it.
    assert 2 <= missed.dirty_ranges <= 4
    assert missed.lag_points >= 3
    assert missed.lag_seconds > 0
    assert (await store_of(one, STORE_POSTGRES)).write_p95_seconds > 0


async def test_instances_tell_what_they_act_by(both: list[Caller]) -> None:
    async def heard() -> bool:
        instances = (await both[0].status()).instances
        return [(each.name, each.epoch, each.step, each.confirmed) for each in instances] == [
            ("a", 1, pb.TRANSITION_STEP_UNSPECIFIED, True),
            ("b", 1, pb.TRANSITION_STEP_UNSPECIFIED, True),
        ]

    await until_told(heard)


async def test_a_watch_shows_a_change_made_through_the_other_instance(both: list[Caller]) -> None:
    async with asyncio.timeout(100):
        watch: Any = both[0].migration.WatchMigration(pb.WatchMigrationRequest(every_seconds=60))
        first = (await watch.read()).migration
        assert (first.phase, first.shadow_mismatches, list(first.jobs)) == (pb.PHASE_READ_POSTGRES, 0, [])
        assert first.HasField("shadow_mismatches")
        await both[1].advance(force=True, reason="IoTDB is away")
        seen = [first]
        while seen[-1].epoch == first.epoch:
            seen.append((await watch.read()).migration)
        assert seen[-1].phase == pb.PHASE_POSTGRES_ONLY
        watch.cancel()


async def test_a_mismatch_of_shadow_reads_is_counted(both: list[Caller], postgres_store: PostgresStore) -> None:
    async with postgres_store.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO shadow_mismatches (method, question, read_from, detail) VALUES ('page', '{}', 'iotdb', 'x')"
        )
    assert (await both[1].status()).shadow_mismatches == 1
