"""What is particular to reading from PostgreSQL; the contract itself is held by tests/conformance."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import Any

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection
from tests.support.batches import T0, collect, point, points_of

SECOND = 1_000_000


def _long(device: int, name: str, count: int, step: int) -> Batch:
    moments = T0 + np.arange(count, dtype=np.int64) * step
    return Batch(device, moments, (Column(name, Kind.INTEGER, np.arange(count, dtype=np.int64)),))


async def test_readers_that_pause_keep_nobody_from_writing(each_postgres_store: PostgresStore) -> None:
    await each_postgres_store.write([_long(1, "n", 30_000, SECOND)])
    async with AsyncExitStack() as stack:
        for _ in range(10):  # More than the pool has connections.
            scan: Any = each_postgres_store.scan(Selection((1,)))
            batches = await stack.enter_async_context(aclosing(scan))
            assert len((await anext(batches)).timestamps) < 30_000
        await each_postgres_store.write([point(2, T0, "x", 1.0)])


async def test_dense_and_sparse_series_are_read_side_by_side(each_postgres_store: PostgresStore) -> None:
    written = [_long(1, "dense", 60_000, SECOND), _long(1, "sparse", 30, 2_000 * SECOND)]
    written += [_long(1, "meta_n", 20_000, 3 * SECOND)]
    await each_postgres_store.write(written)
    for descending in (False, True):
        scan = each_postgres_store.scan(Selection((1,), scope=Scope.BOTH), descending=descending)
        assert points_of(await collect(scan, descending=descending)) == points_of(written)
