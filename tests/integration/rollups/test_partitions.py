"""What happens to partitions, and to tables as a whole, leaves neither figures nor kept results behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import pytest

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregation import MERGEABLE
from iotflow_server.query.results import Aggregation
from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.postgres.migrations import bundled, migrate
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.rollups import HOUR
from iotflow_server.stores.selection import Selection, TimeRange
from tests.support.batches import point
from tests.support.postgres import opened
from tests.support.rollups import engine_on, refresh

#: 1 March 2025 and 1 April 2025.
MARCH: Final = 1_740_787_200_000_000
APRIL: Final = 1_743_465_600_000_000
HOURLY: Final = AggregateQuery(tuple(each for each in Aggregation if each in MERGEABLE), FixedWindows(HOUR))
EVERYTHING: Final = Selection((1, 2), None, TimeRange(MARCH, APRIL + 30 * 24 * HOUR))


@pytest.fixture
async def store(each_postgres_store: PostgresStore) -> PostgresStore:
    """Holds points of two devices in March and April, and figures of all."""
    moments = (MARCH, MARCH + 5, APRIL - 1, APRIL, APRIL + HOUR)
    points = [point(device, moment, "x", float(device)) for device in (1, 2) for moment in moments]
    await each_postgres_store.write([*points, point(1, MARCH, "meta_line", "a")])
    await refresh(each_postgres_store)
    return each_postgres_store


@pytest.fixture
async def sql(store: PostgresStore, each_postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody with a shell of SQL."""
    connection = await asyncpg.connect(each_postgres_dsn)
    yield connection
    await connection.close()


async def counts(store: PostgresStore, *, rollups: bool = True) -> list[tuple[int, int | None]]:
    found = (await engine_on(store, rollups=rollups).aggregate(EVERYTHING, HOURLY)).rows
    return [(row.device_id, row.window_start) for row in found]


STATEMENTS: Final = {
    "dropped": "SELECT iotflow_drop_partition('telemetry_data_2025_03')",
    "detached": "BEGIN; SELECT iotflow_forget_partition('telemetry_data_2025_03');"
    "ALTER TABLE telemetry_data DETACH PARTITION telemetry_data_2025_03; COMMIT",
    "emptied": "TRUNCATE telemetry_data_2025_03",
    "all emptied": "TRUNCATE telemetry_data",
    "some deleted": "DELETE FROM telemetry_data_2025_03 WHERE device_id = 1",
    "some changed": "UPDATE telemetry_data_2025_03 SET numeric_value = 7 WHERE device_id = 1",
    "more": "INSERT INTO telemetry_data_2025_03 (device_id, timestamp, measurement_name, numeric_value)"
    "VALUES (1, '2025-03-05', 'x', 3)",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
async def test_answers_are_those_of_the_points_that_are_left(
    store: PostgresStore, sql: asyncpg.Connection, statement: str
) -> None:
    engine, points = engine_on(store), engine_on(store, rollups=False)
    before, state = await engine.aggregate(EVERYTHING, HOURLY), await store.generations.digest([1])
    await sql.execute(statement)
    assert (await engine.aggregate(EVERYTHING, HOURLY)).rows == (await points.aggregate(EVERYTHING, HOURLY)).rows
    assert (await engine.aggregate(EVERYTHING, HOURLY)).rows != before.rows
    assert await store.generations.digest([1]) != state
    await refresh(store)
    assert (await engine.aggregate(EVERYTHING, HOURLY)).rows == (await points.aggregate(EVERYTHING, HOURLY)).rows


async def test_a_dropped_partition_is_gone_and_no_other(store: PostgresStore, sql: asyncpg.Connection) -> None:
    for name in ("telemetry_data_2025_03", "telemetry_metadata_2025_03"):
        await sql.execute("SELECT iotflow_drop_partition($1::text::regclass)", name)
        assert await sql.fetchval("SELECT to_regclass($1)", name) is None
    assert await counts(store) == [(1, APRIL), (1, APRIL + HOUR), (2, APRIL), (2, APRIL + HOUR)]


async def test_what_is_no_partition_is_not_dropped(store: PostgresStore, sql: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.RaiseError, match="devices is no partition of telemetry_data"):
        await sql.execute("SELECT iotflow_drop_partition('devices')")


async def test_points_that_come_back_with_their_partition_count(
    store: PostgresStore, sql: asyncpg.Connection, each_postgres_dsn: str
) -> None:
    await sql.execute("SELECT iotflow_forget_partition('telemetry_data_2025_03')")
    await sql.execute("ALTER TABLE telemetry_data DETACH PARTITION telemetry_data_2025_03")
    await refresh(store)
    assert len(await counts(store)) == 4
    async with opened(each_postgres_dsn, {}) as other:
        await other.write([point(3, MARCH, "x", 1.0)])
    assert await counts(store) == await counts(store, rollups=False)
    assert len(await counts(store)) == 8


async def test_partitions_that_are_there_already_are_watched_from_then_on(each_postgres_dsn: str) -> None:
    pool = PostgresPool(each_postgres_dsn, 1, 30.0)
    async with pool.connection() as connection:
        await migrate(connection, tuple(each for each in bundled() if each.version < 8))
        await connection.execute(
            "CREATE TABLE old PARTITION OF telemetry_data FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')"
        )
        await migrate(connection)
        assert await connection.fetchval("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'old'::regclass") == 1
    await pool.close()
