"""What is particular to reading from PostgreSQL; the contract itself is held by tests/conformance."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import Any

import numpy as np
import pytest

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.points import Points
from iotflow_server.stores.postgres.partitions import next_month
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import PointKey, Scope, Selection
from tests.support.batches import T0, batch, collect, point, points_of

SECOND = 1_000_000
DAY = 86_400 * SECOND


def _long(device: int, name: str, count: int, step: int) -> Batch:
    moments = T0 + np.arange(count, dtype=np.int64) * step
    return Batch(device, moments, (Column(name, Kind.INTEGER, np.arange(count, dtype=np.int64)),))


async def test_readers_that_pause_keep_nobody_from_writing(each_postgres_store: PostgresStore) -> None:
    await each_postgres_store.write([_long(1, "n", 120_000, SECOND)])
    async with AsyncExitStack() as stack:
        for _ in range(10):  # More than the pool has connections.
            scan: Any = each_postgres_store.scan(Selection((1,)))
            batches = await stack.enter_async_context(aclosing(scan))
            assert len((await anext(batches)).timestamps) < 120_000
        await each_postgres_store.write([point(2, T0, "x", 1.0)])


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_hold_points_of_months_ahead_whoever_has_written_them(
    each_postgres_store: PostgresStore, descending: bool
) -> None:
    devices, ahead = tuple(range(1, 16)), next_month()
    written = [point(device, ahead - 1, "x", float(device)) for device in devices]
    await each_postgres_store.write(written)

    async def keys() -> list[int]:
        page = await each_postgres_store.page(Selection(devices), limit=20, descending=descending)
        return sorted(timestamp for timestamp, _, _ in points_of(page))

    assert await keys() == [ahead - 1] * 15
    async with each_postgres_store.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO telemetry_data (device_id, user_id, measurement_name, timestamp, numeric_value) "
            "VALUES (9, 1, 'x', $1, 1.5)",
            ahead,
        )
    assert await keys() == [*[ahead - 1] * 15, ahead]
    await each_postgres_store.write([point(3, ahead + 3_000 * DAY, "x", 0.5)])
    assert await keys() == [*[ahead - 1] * 15, ahead, ahead + 3_000 * DAY]


async def test_latest_points_that_are_asked_for_at_once_are_those_of_their_own_devices(
    each_postgres_store: PostgresStore,
) -> None:
    written = [batch(device, [T0], a=[device], b=["x" * device], meta_k=[device]) for device in range(1, 21, 2)]
    await each_postgres_store.write(written)
    asked = [Selection((device, device % 7 + 1)) for device in range(1, 23)]
    asked += [Selection((1, 3), ("b",)), Selection(tuple(range(1, 31)))]
    alone = [await each_postgres_store.latest(selection) for selection in asked]
    together = await asyncio.gather(*map(each_postgres_store.latest, asked))
    assert list(map(points_of, together)) == list(map(points_of, alone))
    assert [Points.of(one).described for one in together] == [Points.of(one).described for one in alone]


async def test_dense_and_sparse_series_are_read_side_by_side(each_postgres_store: PostgresStore) -> None:
    written = [_long(1, "dense", 120_000, SECOND), _long(1, "sparse", 30, 2_000 * SECOND)]
    written += [_long(1, "meta_n", 20_000, 3 * SECOND)]
    await each_postgres_store.write(written)
    for descending in (False, True):
        scan = each_postgres_store.scan(Selection((1,), scope=Scope.BOTH), descending=descending)
        assert points_of(await collect(scan, descending=descending)) == points_of(written)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("seed", range(4))
async def test_pages_of_many_devices_whatever_their_rates_hold_every_point_once(
    each_postgres_store: PostgresStore, seed: int, descending: bool
) -> None:
    random = np.random.default_rng(seed)
    written = []
    for device in range(1, 16):
        count, pace = int(random.integers(1, 400)), int(random.choice([1, 50, 4_000])) * SECOND
        moments = T0 + np.unique(random.integers(0, count * 2, count)) * pace
        half = np.flatnonzero(moments % (2 * pace) == 0)
        columns = [Column("a", Kind.INTEGER, moments)]
        if len(half):
            columns.append(Column("b", Kind.NUMERIC, moments[half] / 2, half))
        written.append(Batch(device, moments, tuple(columns)))
    await each_postgres_store.write(written)
    selection = Selection(tuple(range(1, 16)))
    keys: list[PointKey] = []
    while True:
        after = keys[-1] if keys else None
        page = await each_postgres_store.page(selection, limit=97, descending=descending, after=after)
        keys += sorted((PointKey(*key) for key in points_of(page)), reverse=descending)
        if Points.of(page).point_count < 97:
            break
    assert keys == sorted((PointKey(*key) for key in points_of(written)), reverse=descending)


async def test_no_more_long_texts_are_read_than_a_page_may_hold(each_postgres_store: PostgresStore) -> None:
    long = 50_000
    for device in (1, 2):
        texts = [chr(97 + row % 26) * long for row in range(100)]
        await each_postgres_store.write([batch(device, [T0 + row for row in range(100)], text=texts)])
    page = Points.of(await each_postgres_store.page(Selection((1, 2)), limit=1_000, max_bytes=4 * long))
    assert [(text[0], len(text)) for text in map(str, page.values)] == [(letter, long) for letter in "aabbc"]


async def test_a_scan_of_long_texts_comes_in_batches_of_bounded_size(each_postgres_store: PostgresStore) -> None:
    written = batch(1, [T0 + row for row in range(30)], text=["x" * 500_000] * 30, n=list(range(30)))
    await each_postgres_store.write([written])
    batches = await collect(each_postgres_store.scan(Selection((1,))))
    assert points_of(batches) == points_of([written])
    assert max(each.nbytes for each in batches) < 6_000_000


async def test_a_long_text_that_is_overwritten_by_a_number_while_it_is_read_is_read_as_one_of_them(
    each_postgres_store: PostgresStore,
) -> None:
    texts, numbers = (
        batch(1, [T0 + row for row in range(20)], value=["x" * 10_000] * 20),
        batch(1, [T0 + row for row in range(20)], value=list(range(20))),
    )
    await each_postgres_store.write([texts])

    async def overwrite() -> None:
        for written in [numbers, texts] * 10:
            await each_postgres_store.write([written])

    writing = asyncio.create_task(overwrite())
    one, other = points_of([texts]), points_of([numbers])
    while not writing.done():
        page = points_of(await each_postgres_store.page(Selection((1,)), limit=100))
        scanned = points_of(await collect(each_postgres_store.scan(Selection((1,)))))
        for found in (page, scanned):
            assert found.keys() == one.keys()
            assert all(found[key] in (one[key], other[key]) for key in found)
    await writing
