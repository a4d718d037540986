"""What happens when a store goes away under the running service, and comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from iotflow.telemetry.v1.value_pb2 import Store
from iotflow_server.config import Settings
from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.local.postgres import LocalPostgres
from tests.support.iotdb import settings_for
from tests.support.service import Caller, record, service, settings_of

#: How long the store waits for IoTDB; a client must never have to wait that long for it as secondary.
IOTDB_SECONDS = 15.0
BASE = 1_700_000_000_000
IOTDB, POSTGRES = Store.STORE_IOTDB, Store.STORE_POSTGRES


@pytest.fixture
def settings(tmp_path: Path, own_postgres: LocalPostgres, own_iotdb: LocalIotdb) -> Settings:
    iotdb = settings_for(own_iotdb, timeout=IOTDB_SECONDS)
    return settings_of(tmp_path / "data", own_postgres.dsn, iotdb, postgres_timeout_seconds=5.0)


@pytest.fixture
async def caller(settings: Settings) -> AsyncIterator[Caller]:
    async with service(settings) as caller:
        yield caller


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.1)


async def in_sync(caller: Caller) -> None:
    async def clean() -> bool:
        stores = (await caller.status()).stores
        return all(store.reachable and not store.dirty_ranges for store in stores)

    await until(clean)


async def write_count(caller: Caller, first: int, count: int) -> set[tuple[int, ...]]:
    """Write one point at a time; return the sets of stores that the answers name."""
    answers = [await caller.write(record(i % 5 + 1, BASE + i, {"n": float(i)})) for i in range(first, first + count)]
    assert all(answer.accepted_points == 1 for answer in answers)
    return {tuple(sorted(answer.stored_in)) for answer in answers}


def written(count: int) -> dict[tuple[int, str, int], float]:
    return {(i % 5 + 1, "n", BASE + i): float(i) for i in range(count)}


async def is_serving(caller: Caller) -> bool:
    check = caller.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    answer = await check(health_pb2.HealthCheckRequest(service="iotflow.telemetry.v1.TelemetryService"))
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_postgres_away_as_secondary_costs_no_write_and_is_repaired(
    caller: Caller, own_postgres: LocalPostgres, trouble: str
) -> None:
    await caller.advance()
    await in_sync(caller)
    assert await write_count(caller, 0, 10) == {(IOTDB, POSTGRES)}
    if trouble == "killed":
        own_postgres.kill()
    else:
        own_postgres.freeze()
    assert await write_count(caller, 10, 20) == {(IOTDB,)}
    assert await caller.points(1, 2, 3, 4, 5) == written(30)
    assert await is_serving(caller)
    if trouble == "killed":
        own_postgres.start()
    else:
        own_postgres.thaw()
    await in_sync(caller)
    await caller.advance()
    assert await caller.points(1, 2, 3, 4, 5) == written(30)


@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_iotdb_away_as_secondary_costs_no_write_and_is_repaired(
    caller: Caller, own_iotdb: LocalIotdb, trouble: str
) -> None:
    await caller.write(record(1, BASE, {"count": 1}))
    await caller.advance()
    await in_sync(caller)
    await caller.advance()
    if trouble == "killed":
        own_iotdb.kill()
    else:
        own_iotdb.pause()
    async with asyncio.timeout(IOTDB_SECONDS):
        assert await write_count(caller, 0, 20) <= {(POSTGRES,)}
    refused = await caller.write(record(1, BASE + 100, {"count": 1.5}))
    assert [r.field for r in refused.rejections] == ['records[0].values["count"]']
    assert await is_serving(caller)
    if trouble == "killed":
        own_iotdb.start()
    else:
        own_iotdb.resume()
    await in_sync(caller)
    await caller.roll_back()
    assert await caller.points(1, 2, 3, 4, 5) == {(1, "count", BASE): 1, **written(20)}


async def test_a_primary_that_is_away_is_unavailable_and_never_acknowledges(
    caller: Caller, own_iotdb: LocalIotdb
) -> None:
    await caller.advance()
    await in_sync(caller)
    await write_count(caller, 0, 5)
    own_iotdb.kill()
    for call in (caller.write(record(1, BASE + 5, {"n": 5.0})), caller.points(1)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    await until(lambda: _not(is_serving(caller)))
    own_iotdb.start()
    await until(lambda: is_serving(caller))
    await in_sync(caller)
    await write_count(caller, 5, 5)
    await caller.advance()
    assert await caller.points(1, 2, 3, 4, 5) == written(10)


async def _not(answer: Awaitable[bool]) -> bool:
    return not await answer


async def test_postgres_away_at_the_start_leaves_a_phase_that_reads_iotdb_up(
    settings: Settings, own_postgres: LocalPostgres
) -> None:
    async with service(settings) as caller:
        await caller.advance()
        await in_sync(caller)
        await write_count(caller, 0, 5)
    own_postgres.stop()
    async with service(settings) as caller:
        assert await write_count(caller, 5, 5) == {(IOTDB,)}
        assert await caller.points(1, 2, 3, 4, 5) == written(10)
        own_postgres.start()
        await in_sync(caller)
        await caller.advance()
        assert await caller.points(1, 2, 3, 4, 5) == written(10)
