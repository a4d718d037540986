"""A large write whose server dies in the middle ends, rather than waiting for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import numpy as np

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.postgres import opened

ROWS = 50_000
STARTS_AGAIN = 4


async def test_a_copy_ends_with_its_connection(own_postgres: LocalPostgres) -> None:
    async with opened(own_postgres.dsn, {}, patience=60.0) as store:
        stop = asyncio.Event()
        writers = [asyncio.create_task(write_on_and_on(store, device, stop)) for device in range(1, 4)]
        for _ in range(STARTS_AGAIN):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_postgres.stop, "immediate")
            await asyncio.to_thread(own_postgres.start)
        stop.set()
        # Far less than the store's patience: each writer has heard of the loss, and not waited it out.
        async with asyncio.timeout(30):
            await asyncio.gather(*writers)


async def write_on_and_on(store: PostgresStore, device_id: int, stop: asyncio.Event) -> None:
    first = 0
    while not stop.is_set():
        with suppress(StoreUnavailableError):
            timestamps = np.arange(first, first + ROWS) * 1_000
            await store.write([Batch(device_id, timestamps, (Column("a", Kind.NUMERIC, timestamps.astype(float)),))])
            first += ROWS
        await asyncio.sleep(0.01)
