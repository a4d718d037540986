"""How near writing through the PostgreSQL store comes to COPY itself.

Chunks of 10,000 points, as the edge hands them over: 10 devices x 10 measurements x 100 timestamps.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import numpy as np

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.postgres.gathering import copy_payloads
from iotflow_server.stores.postgres.rows import COLUMNS
from iotflow_server.stores.postgres.store import PostgresStore
from tests.bench.measure import Figure, measure

Chunk = Sequence[Batch]

DEVICES, MEASUREMENTS, TIMESTAMPS = 10, 10, 100
CHUNK = DEVICES * MEASUREMENTS * TIMESTAMPS
CHUNKS = 20
#: 2026-01-01T00:00:00Z; a path writes one point a second from a day of its own.
BEGIN = 1_767_225_600_000_000
SECOND, DAY = 1_000_000, 86_400_000_000


def chunk(day: int, number: int) -> Chunk:
    """Return chunk ``number`` of a day: points that no other chunk has."""
    first = BEGIN + day * DAY + number * TIMESTAMPS * SECOND
    timestamps = np.arange(first, first + TIMESTAMPS * SECOND, SECOND, dtype=np.int64)
    random = np.random.default_rng(number)
    return [
        Batch(
            device,
            timestamps,
            tuple(Column(f"m{index}", Kind.NUMERIC, random.random(TIMESTAMPS)) for index in range(MEASUREMENTS)),
        )
        for device in range(1, DEVICES + 1)
    ]


async def postgres_ingest(folder: Path, rounds: int) -> list[Figure]:
    """Measure each path in turn, on one embedded PostgreSQL with its default durability."""
    server = LocalPostgres(folder)
    await asyncio.to_thread(server.start)
    store = PostgresStore(server.dsn, pool_size=10, timeout=60.0, owner_of=_nobody)
    try:
        await store.open()
        # COPY alone makes no partitions.
        await store.write(chunk(4, 0))
        return [
            await _store_one_by_one(store, rounds),
            await _store_four_at_once(store, rounds),
            await _store_again(store, rounds),
            # Last, on a server as warm as the paths that it is compared with had it.
            await _copy_alone(server.dsn, rounds),
        ]
    finally:
        await store.close()
        await asyncio.to_thread(server.stop)


async def _copy_alone(dsn: str, rounds: int) -> Figure:
    payloads = [
        [copy_payloads(chunk, _nobody)["telemetry_data"] for chunk in chunks] for chunks in _rounds(0, rounds + 1)
    ]
    connection = await asyncpg.connect(dsn)

    async def step(number: int) -> None:
        for payload in payloads[number]:
            await connection.copy_to_table(
                "telemetry_data", source=io.BytesIO(payload), columns=list(COLUMNS), format="binary"
            )

    try:
        return await measure("COPY of rows encoded before", CHUNK * CHUNKS, rounds, step)
    finally:
        await connection.close()


async def _store_one_by_one(store: PostgresStore, rounds: int) -> Figure:
    ready = _rounds(1, rounds + 1)

    async def step(number: int) -> None:
        for chunk in ready[number]:
            await store.write(chunk)

    return await measure("store, one writer", CHUNK * CHUNKS, rounds, step)


async def _store_four_at_once(store: PostgresStore, rounds: int) -> Figure:
    ready = _rounds(2, rounds + 1)

    async def write(chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            await store.write(chunk)

    async def step(number: int) -> None:
        await asyncio.gather(*(write(ready[number][first::4]) for first in range(4)))

    return await measure("store, four writers", CHUNK * CHUNKS, rounds, step)


async def _store_again(store: PostgresStore, rounds: int) -> Figure:
    (same,) = _rounds(3, 1)

    async def step(number: int) -> None:
        for chunk in same:
            await store.write(chunk)

    return await measure("store, every point there already", CHUNK * CHUNKS, rounds, step)


def _rounds(day: int, count: int) -> list[list[Chunk]]:
    return [[chunk(day, number * CHUNKS + index) for index in range(CHUNKS)] for number in range(count)]


def _nobody(device_id: int) -> int:
    return 0
