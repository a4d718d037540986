"""A read whose caller has gone away, or whose time is up, is worked on no more, in the database either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from iotflow.telemetry.v1.telemetry_service_pb2 import (
    AGGREGATION_MEDIAN,
    AggregateTelemetryRequest,
    GetLatestTelemetryRequest,
    QueryTelemetryRequest,
    QueryTelemetryStreamRequest,
    TelemetryFilter,
)
from tests.support.service import Caller, record, service, settings_of

CALLS: dict[str, Any] = {
    "AggregateTelemetry": AggregateTelemetryRequest(
        filter=TelemetryFilter(device_ids=[1]), aggregations=[AGGREGATION_MEDIAN]
    ),
    "GetLatestTelemetry": GetLatestTelemetryRequest(device_ids=[1]),
    "QueryTelemetry": QueryTelemetryRequest(filter=TelemetryFilter(device_ids=[1])),
    "QueryTelemetryStream": QueryTelemetryStreamRequest(filter=TelemetryFilter(device_ids=[1])),
}
#: Reads that the server works on, or holds waiting for a lock.
_AT_WORK = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
    AND query LIKE '%telemetry_series%' AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def caller(tmp_path: Path, postgres_dsn: str) -> AsyncIterator[Caller]:
    async with service(settings_of(tmp_path / "data", postgres_dsn, postgres_timeout_seconds=60.0)) as caller:
        await caller.write(record(1, 1_700_000_000_000, {"a": 1.0}))
        yield caller


@pytest.fixture
async def locked(caller: Caller, postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that holds up every read of points, however few they are."""
    connection = await asyncpg.connect(postgres_dsn)
    async with connection.transaction():
        await connection.execute("LOCK TABLE telemetry_data IN ACCESS EXCLUSIVE MODE")
        yield connection
    await connection.close()


async def until_at_work(connection: asyncpg.Connection, *counts: int) -> None:
    async with asyncio.timeout(20):
        while await connection.fetchval(_AT_WORK) not in counts:
            # Within a transaction it would show the same for ever.
            await connection.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.02)


async def answer_of(call: Any) -> None:
    if isinstance(call, grpc.aio.UnaryStreamCall):
        async for _ in call:
            pass
    else:
        await call


@pytest.mark.parametrize("method", list(CALLS))
async def test_a_cancelled_read_is_stopped(caller: Caller, locked: asyncpg.Connection, method: str) -> None:
    call = getattr(caller.telemetry, method)(CALLS[method], timeout=60)
    reading = asyncio.ensure_future(answer_of(call))
    await until_at_work(locked, 1)
    call.cancel()
    await until_at_work(locked, 0)
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize("method", list(CALLS))
async def test_a_read_is_stopped_at_its_deadline(caller: Caller, locked: asyncpg.Connection, method: str) -> None:
    reading = asyncio.ensure_future(answer_of(getattr(caller.telemetry, method)(CALLS[method], timeout=3)))
    await until_at_work(locked, 1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await reading
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until_at_work(locked, 0)


async def test_more_cancelled_reads_than_there_are_connections_leave_room_for_the_next(
    caller: Caller, locked: asyncpg.Connection
) -> None:
    method: Any = caller.telemetry.QueryTelemetry
    calls = [method(CALLS["QueryTelemetry"], timeout=60) for _ in range(20)]
    readings = [asyncio.ensure_future(answer_of(call)) for call in calls]
    await until_at_work(locked, 8)
    for call in calls:
        call.cancel()
    await asyncio.gather(*readings, return_exceptions=True)
    await until_at_work(locked, 0)
    await locked.execute("COMMIT")
    assert await caller.points(1) == {(1, "a", 1_700_000_000_000): 1.0}
    await locked.execute("BEGIN")


async def test_one_of_several_reads_that_go_together_is_cancelled_and_the_others_are_answered(
    caller: Caller, locked: asyncpg.Connection
) -> None:
    method: Any = caller.telemetry.GetLatestTelemetry
    calls = [method(CALLS["GetLatestTelemetry"], timeout=60) for _ in range(6)]
    readings = [asyncio.ensure_future(answer_of(call)) for call in calls]
    await until_at_work(locked, *range(2, 7))
    calls[0].cancel()
    calls[-1].cancel()
    await locked.execute("COMMIT")
    ended = await asyncio.gather(*readings, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [True, *[False] * 4, True]
    await locked.execute("BEGIN")
