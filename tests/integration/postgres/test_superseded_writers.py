"""A stream that a later one of its writer has taken the place of may add points, and overwrites none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.errors import WriterSupersededError
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.postgres.stream_writers import StreamWriters
from iotflow_server.stores.stream_writer import StreamWriter
from tests.support.batches import T0, batch
from tests.support.postgres import opened

FIRST, SECOND, THIRD = (StreamWriter("gateway", attempt) for attempt in (1, 2, 3))
OTHER = StreamWriter("other", 1)
_LOCK = "SELECT FROM telemetry_data WHERE measurement_name = $1 FOR UPDATE"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

_BLOCKING = """
SELECT pg_blocking_pids(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_HINDRANCE = """
INSERT INTO telemetry_data (device_id, timestamp, measurement_name, numeric_value)
VALUES (1, '2023-11-14 22:13:20+00', '{name}', 0)
"""


def frame(writer: StreamWriter, *batches: Batch) -> Frame:
    return replace(Frame.of(batches), writers=frozenset({writer}))


async def stored(dsn: str) -> dict[tuple[int, str], float]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT device_id, measurement_name, numeric_value FROM telemetry_data")
    await connection.close()
    return {(row[0], row[1]): row[2] for row in rows}


@asynccontextmanager
async def locked(dsn: str, measurement: str) -> AsyncIterator[asyncpg.Connection]:
    """Keep others from overwriting a series."""
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await connection.execute(_LOCK, measurement)
        yield connection
    await connection.close()


async def test_it_adds_points_and_overwrites_none(each_postgres_dsn: str) -> None:
    async with opened(each_postgres_dsn, {}) as store:
        await store.write(frame(SECOND, batch(1, [T0], x=[2.0])))
        await StreamWriters(store.pool).enter(SECOND)
        with pytest.raises(WriterSupersededError, match=r"attempt 2.*'gateway'"):
            await store.write(frame(FIRST, batch(1, [T0], x=[1.0]), batch(2, [T0], x=[1.0])))
        await store.write(frame(FIRST, batch(3, [T0], x=[1.0])))
    assert await stored(each_postgres_dsn) == {(1, "x"): 2.0, (3, "x"): 1.0}


async def test_a_device_that_is_known_to_overwrite_is_no_way_around_it(each_postgres_dsn: str) -> None:
    async with opened(each_postgres_dsn, {}) as store:
        for value in (1.0, 2.0):
            await store.write(frame(FIRST, batch(1, [T0], x=[value])))
        await StreamWriters(store.pool).enter(SECOND)
        # Points of another device go by COPY in the same transaction.
        with pytest.raises(WriterSupersededError):
            await store.write(frame(FIRST, batch(1, [T0], x=[3.0]), batch(2, [T0], x=[3.0])))
        await store.write(frame(SECOND, batch(1, [T0], x=[4.0])))
        await store.write(frame(OTHER, batch(1, [T0], x=[5.0])))
    assert await stored(each_postgres_dsn) == {(1, "x"): 5.0}


@pytest.mark.parametrize("waits_at", ["a", "c"])
async def test_a_write_under_way_when_the_later_stream_begins_is_undone(each_postgres_dsn: str, waits_at: str) -> None:
    async with opened(each_postgres_dsn, {}) as left, opened(each_postgres_dsn, {}) as gone_on:
        await left.write(frame(FIRST, batch(1, [T0], a=[1.0], b=[1.0], c=[1.0])))
        async with locked(each_postgres_dsn, waits_at) as connection:
            late = asyncio.create_task(left.write(frame(FIRST, batch(1, [T0], a=[2.0], b=[2.0], c=[2.0]))))
            await until_waiting(connection, 1)
            await StreamWriters(gone_on.pool).enter(SECOND)
            newer = asyncio.create_task(gone_on.write(frame(SECOND, batch(1, [T0], b=[3.0]))))
            if waits_at == "a":
                # Nothing of the late write has come so far that the newer one would have to wait.
                await newer
            else:
                # The point is written and not committed.
                await until_waiting(connection, 2)
        with pytest.raises(WriterSupersededError):
            await late
        await newer
    assert await stored(each_postgres_dsn) == {(1, "a"): 1.0, (1, "b"): 3.0, (1, "c"): 1.0}


async def until_waiting(connection: asyncpg.Connection, count: int) -> None:
    while await connection.fetchval(_WAITING) < count:
        # Within a transaction, what others do is looked at once unless it is told to look again.
        await connection.execute("SELECT pg_stat_clear_snapshot()")


async def test_a_stream_enters_unless_a_later_one_has(postgres_store: PostgresStore) -> None:
    writers = StreamWriters(postgres_store.pool)
    await writers.enter(THIRD)
    await writers.enter(THIRD)
    with pytest.raises(WriterSupersededError, match="attempt 3"):
        await writers.enter(SECOND)
    await writers.enter(StreamWriter("gateway", 2**63 - 1))
    await writers.enter(OTHER)


async def test_writers_that_have_long_been_silent_are_forgotten_at_the_start(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, {}) as store:
        await StreamWriters(store.pool).enter(SECOND)
        async with store.pool.connection() as connection:
            await connection.execute("INSERT INTO stream_writers VALUES ('old', 7, now() - interval '31 days')")
    async with opened(postgres_dsn, {}) as store, store.pool.connection() as connection:
        rows = await connection.fetch("SELECT writer_id, attempt FROM stream_writers")
    assert [tuple(row) for row in rows] == [("gateway", 2)]


async def test_a_write_that_others_hinder_again_and_again_is_undone_too(each_postgres_dsn: str) -> None:
    async with opened(each_postgres_dsn, {}) as store:
        await store.write(frame(SECOND, batch(1, [T0], a=[2.0])))
        async with hindrances(each_postgres_dsn, "bcde") as hindering:
            late = asyncio.create_task(store.write(frame(FIRST, batch(1, [T0], **{name: [1.0] for name in "abcde"}))))
            for _ in range(3):
                await let_go_of_one(hindering)
            # It goes by an upsert now, which waits as well.
            await StreamWriters(store.pool).enter(SECOND)
            await let_go_of_one(hindering)
            with pytest.raises(WriterSupersededError):
                await late
    assert await stored(each_postgres_dsn) == {(1, "a"): 2.0, **{(1, name): 0.0 for name in "bcde"}}


@asynccontextmanager
async def hindrances(dsn: str, names: str) -> AsyncIterator[dict[int, asyncpg.Connection]]:
    """Points that are written and not committed, each by another process of PostgreSQL."""
    async with AsyncExitStack() as stack:
        found = {}
        for name in names:
            connection = await asyncpg.connect(dsn)
            stack.push_async_callback(connection.close)
            await connection.execute(f"BEGIN; {_HINDRANCE.format(name=name)}")
            found[connection.get_server_pid()] = connection
        yield found


async def let_go_of_one(hindering: dict[int, asyncpg.Connection]) -> None:
    """Commit the point that somebody waits for."""
    connection = next(iter(hindering.values()))
    while not (blocking := await connection.fetchval(_BLOCKING)):
        await connection.execute("SELECT pg_stat_clear_snapshot()")
    await hindering.pop(blocking[0]).execute("COMMIT")
