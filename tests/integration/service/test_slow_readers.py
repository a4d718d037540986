"""A stream that is read slowly is read slowly from the database too, and not kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import numpy as np
import pytest

from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryStreamRequest, TelemetryFilter
from iotflow_server.stores.batch import Batch, Column, Kind
from tests.support.postgres import opened
from tests.support.service import Caller, service, settings_of

ROWS: Final = 800_000
CHUNK: Final = 100_000
TAIL: Final = 10_000
BEGIN: Final = 1_700_000_000_000_000
_LAST_READ: Final = """
SELECT max(query_start) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%telemetry_series%'
    AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def long_series(postgres_dsn: str) -> str:
    """A database with one long series, a row each millisecond."""
    async with opened(postgres_dsn, {}) as store:
        for first in range(0, ROWS, CHUNK):
            moments = BEGIN + np.arange(first, first + CHUNK, dtype=np.int64) * 1000
            await store.write([Batch(1, moments, (Column("n", Kind.INTEGER, moments),))])
    return postgres_dsn


@pytest.fixture
async def caller(tmp_path: Path, long_series: str) -> AsyncIterator[Caller]:
    async with service(settings_of(tmp_path / "data", long_series)) as caller:
        yield caller


async def until_nothing_is_read(connection: asyncpg.Connection) -> None:
    before = None
    while (last := await connection.fetchval(_LAST_READ)) != before:
        before = last
        await asyncio.sleep(1)


async def test_what_a_slow_reader_has_not_asked_for_has_not_been_read(caller: Caller, long_series: str) -> None:
    connection = await asyncpg.connect(long_series)
    request = QueryTelemetryStreamRequest(filter=TelemetryFilter(device_ids=[1]))
    stream: Any = caller.telemetry.QueryTelemetryStream(request, timeout=60)
    answers = aiter(stream)
    first = await anext(answers)
    await until_nothing_is_read(connection)
    # Whoever had read it all ahead would not notice.
    end = np.datetime64(BEGIN + (ROWS - TAIL) * 1000, "us").item()
    await connection.execute("DELETE FROM telemetry_data WHERE timestamp >= $1::timestamp AT TIME ZONE 'UTC'", end)
    rest = [len(batch.timestamps) async for answer in answers for batch in answer.batches]
    assert sum(len(batch.timestamps) for batch in first.batches) + sum(rest) == ROWS - TAIL
    await connection.close()
