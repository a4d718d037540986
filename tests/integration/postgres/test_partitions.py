"""Partitions are there when they are needed."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime

import pytest

from iotflow_server.stores.postgres.partitions import MONTHS_AHEAD, period_of
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, Selection
from tests.support.batches import T0, batch, collect, point, points_of
from tests.support.postgres import opened


async def _partitions(store: PostgresStore) -> list[str]:
    async with store.pool.connection() as connection:
        rows = await connection.fetch(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'telemetry_data'::regclass ORDER BY 1"
        )
    return [row[0] for row in rows]


async def test_those_of_this_month_and_the_next_are_made_ahead(each_postgres_store: PostgresStore) -> None:
    now = datetime.now(UTC)
    months = [now.year * 12 + now.month - 1 + ahead for ahead in range(MONTHS_AHEAD + 1)]
    expected = [f"telemetry_data_{month // 12}_{month % 12 + 1:02}" for month in months]
    assert await _partitions(each_postgres_store) == expected


@pytest.mark.parametrize(
    ("moment", "partition"),
    [
        (MIN_TIMESTAMP, "telemetry_data_c00"),
        (MAX_TIMESTAMP - 1, "telemetry_data_c99"),
        (0, "telemetry_data_c19"),
        (946_684_800_000_000 - 1, "telemetry_data_c19"),
        (946_684_800_000_000, "telemetry_data_2000_01"),
        (4_102_444_800_000_000 - 1, "telemetry_data_2099_12"),
        (4_102_444_800_000_000, "telemetry_data_c21"),
    ],
)
async def test_every_moment_has_one(each_postgres_store: PostgresStore, moment: int, partition: str) -> None:
    written = point(1, moment, "x", 1.5)
    await each_postgres_store.write([written])
    assert points_of(await collect(each_postgres_store.scan(Selection((1,))))) == points_of([written])
    async with each_postgres_store.pool.connection() as connection:
        assert await connection.fetchval("SELECT tableoid::regclass::text FROM telemetry_data") == partition


def test_periods_meet_without_gap_or_overlap() -> None:
    # In order of time; a dict drops those that come again.
    periods = list(dict.fromkeys(period_of(year, month) for year in range(1, 10_000) for month in range(1, 13)))
    assert all(one.end == other.start for one, other in itertools.pairwise(periods))
    assert (periods[0].start, periods[-1].end) == ("0001-01-01", "10000-01-01")


async def test_several_instances_make_the_same_ones_at_once(each_postgres_dsn: str) -> None:
    async with opened(each_postgres_dsn, {}) as one, opened(each_postgres_dsn, {}) as other:
        months = [T0 + month * 31 * 86_400_000_000 for month in range(12)]
        written = [batch(device, months, x=[1.0] * 12, meta_line=["a"] * 12) for device in range(8)]
        stores = [one, other] * 4
        await asyncio.gather(*(store.write([each]) for store, each in zip(stores, written, strict=True)))
        found = points_of(await collect(one.scan(Selection(tuple(range(8))))))
    assert len(found) == 8 * 12


async def test_one_that_was_dropped_is_made_again(each_postgres_store: PostgresStore) -> None:
    await each_postgres_store.write([point(1, T0, "x", 1.0)])
    async with each_postgres_store.pool.connection() as connection:
        await connection.execute("DROP TABLE telemetry_data_2023_11")
    await each_postgres_store.write([point(1, T0, "x", 2.0)])
    found = points_of(await collect(each_postgres_store.scan(Selection((1,)))))
    assert found == points_of([point(1, T0, "x", 2.0)])


async def test_making_one_waits_for_no_reader_and_no_reader_for_it(each_postgres_dsn: str) -> None:
    async with opened(each_postgres_dsn, {}, patience=5.0) as store:
        await store.write([point(1, T0, "x", 1.0)])
        async with store.pool.connection() as reader, reader.transaction():
            await reader.fetch("SELECT * FROM telemetry_data")
            await store.write([point(1, 0, "x", 2.0)])
            assert len(points_of(await collect(store.scan(Selection((1,)))))) == 2
            assert len(await reader.fetch("SELECT * FROM telemetry_data")) >= 1
