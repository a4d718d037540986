"""Trouble in the store that is not read stalls no client, loses nothing, and blocks nobody else's repair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from iotflow.telemetry.v1.telemetry_service_pb2 import DeleteTelemetryRequest, WriteTelemetryRequest
from iotflow.telemetry.v1.value_pb2 import Store
from iotflow_server.config import Settings
from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.local.postgres import LocalPostgres
from tests.support.iotdb import raw_session, settings_for
from tests.support.service import Caller, record, service, settings_of
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
#: A store that does not answer is waited for so long; a call that does not wait for it has less.
STORE_SECONDS = 15.0
CALL_SECONDS = 12.0
IOTDB, POSTGRES = Store.STORE_IOTDB, Store.STORE_POSTGRES


@pytest.fixture
def settings(tmp_path: Path, own_postgres: LocalPostgres, own_iotdb: LocalIotdb) -> Settings:
    iotdb = settings_for(own_iotdb, timeout=STORE_SECONDS)
    return settings_of(tmp_path / "data", own_postgres.dsn, iotdb, postgres_timeout_seconds=STORE_SECONDS)


@pytest.fixture
async def caller(settings: Settings) -> AsyncIterator[Caller]:
    async with service(settings) as caller:
        yield caller


async def dirty_ranges(caller: Caller) -> int:
    return sum(store.dirty_ranges for store in (await caller.status()).stores if store.written)


async def dirty_at_most(caller: Caller, count: int) -> None:
    for _ in range(300):
        if await dirty_ranges(caller) <= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still dirty: {await caller.status()}")


async def write_soon(caller: Caller, device_id: int) -> None:
    request = WriteTelemetryRequest()
    point = request.records.add(device_id=device_id)
    point.timestamp.FromMilliseconds(BASE)
    point.values["n"].numeric = 1.0
    answer = await caller.telemetry.WriteTelemetry(request, timeout=CALL_SECONDS)  # type: ignore[misc]
    assert answer.accepted_points == 1


async def test_a_new_device_does_not_wait_for_a_frozen_postgres_that_is_not_read(
    caller: Caller, own_postgres: LocalPostgres
) -> None:
    own_postgres.freeze()
    try:
        for device_id in (1, 2, 3):
            await write_soon(caller, device_id)
    finally:
        own_postgres.thaw()


async def test_a_device_that_is_new_to_iotdb_does_not_wait_for_it_once_it_is_frozen_and_not_read(
    caller: Caller, own_iotdb: LocalIotdb
) -> None:
    await caller.advance()
    await dirty_at_most(caller, 0)
    await caller.advance()
    own_iotdb.pause()
    try:
        for device_id in (1, 2, 3):
            await write_soon(caller, device_id)
    finally:
        own_iotdb.resume()


async def test_a_delete_whose_caller_went_away_reaches_both_stores(caller: Caller, own_postgres: LocalPostgres) -> None:
    await caller.write(*(record(1, BASE + i, {"n": float(i)}) for i in range(10)))
    await caller.advance()
    await dirty_at_most(caller, 0)
    own_postgres.freeze()
    with pytest.raises(grpc.aio.AioRpcError, match=r"DEADLINE_EXCEEDED"):
        await caller.telemetry.DeleteTelemetry(_deletion(1), timeout=0.5)  # type: ignore[misc]
    await until_told(lambda: _has_no_points(caller))
    own_postgres.kill()
    own_postgres.start()
    await dirty_at_most(caller, 0)
    await caller.advance()
    assert await caller.points(1) == {}


async def test_a_range_that_cannot_be_repaired_holds_up_no_other(
    caller: Caller, own_iotdb: LocalIotdb, settings: Settings
) -> None:
    await caller.write(record(1, BASE, {"t": "a"}), record(2, BASE, {"n": 1.0}), record(3, BASE, {"n": 1.0}))
    with raw_session(own_iotdb) as session:
        session.execute(
            f"INSERT INTO {settings.iotdb.database}.devices.device_1(timestamp, t) VALUES ({BASE + 1}, 'a\0b')"
        )
    await caller.advance()

    async def others_are_repaired() -> bool:
        postgres = next(s for s in (await caller.status()).stores if s.store == POSTGRES)
        return (postgres.dirty_ranges, postgres.repaired_points) == (1, 2)

    await until_told(others_are_repaired)


async def _has_no_points(caller: Caller) -> bool:
    return not await caller.points(1)


def _deletion(device_id: int) -> DeleteTelemetryRequest:
    request = DeleteTelemetryRequest(device_id=device_id)
    request.start_time.FromMilliseconds(BASE)
    request.end_time.FromMilliseconds(BASE + 100)
    return request
