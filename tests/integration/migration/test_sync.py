"""One step of making stores equal, on real stores."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count
from typing import cast

import numpy as np

from iotflow_server.migration.sync import STEP_POINTS, sync_step
from iotflow_server.observability.metrics import Metrics
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import Amendment, TelemetryStore

RANGE = TimeRange(0, 10**12)


def rows(first: int, end: int, value: float = 0.5) -> Batch:
    """One measurement and one key of metadata at each of these milliseconds."""
    times = np.arange(first, end, dtype=np.int64) * 1000
    metadata = Column("meta_k", Kind.INTEGER, np.arange(first, end, dtype=np.int64))
    return Batch(1, times, (Column("n", Kind.NUMERIC, np.full(len(times), value)), metadata))


async def content(store: TelemetryStore) -> dict[tuple[str, int], object]:
    return {
        (column.name, int(time)): value
        async for batch in store.scan(Selection((1,), None, RANGE, Scope.BOTH))
        for column in batch.columns
        for time, value in zip(column.timestamps(batch.timestamps), column.values.tolist(), strict=True)
    }


async def synchronise(source: TelemetryStore, copy: TelemetryStore) -> Sequence[int]:
    """The ends of the steps that it took."""
    ends = [RANGE.start]
    while ends[-1] < RANGE.end:
        ends.append((await sync_step(source, copy, 1, TimeRange(ends[-1], RANGE.end))).end)
    return ends[1:]


async def test_what_the_copy_has_too_much_is_taken_in_steps_too(
    iotdb_store: IotdbStore, postgres_store: PostgresStore
) -> None:
    await iotdb_store.write([rows(10, 12)])
    for first in range(0, 3 * STEP_POINTS, STEP_POINTS):
        await postgres_store.write([rows(first, first + STEP_POINTS, 1.5)])
    ends = await synchronise(iotdb_store, postgres_store)
    assert len(ends) >= 3
    assert await content(postgres_store) == await content(iotdb_store)
    assert len(await content(iotdb_store)) == 4


async def test_holes_in_what_the_copy_should_have_are_made_there(
    iotdb_store: IotdbStore, postgres_store: PostgresStore
) -> None:
    for store in (iotdb_store, postgres_store):
        await store.write([rows(0, 100)])
    await iotdb_store.delete(Selection((1,), ("n",), TimeRange(20_000, 30_000)))
    await iotdb_store.delete(Selection((1,), None, TimeRange(50_000, 51_000), Scope.METADATA))
    await synchronise(iotdb_store, postgres_store)
    assert await content(postgres_store) == await content(iotdb_store)
    assert len(await content(iotdb_store)) == 200 - 10 - 1


class Live:
    """A source that others write to: whenever it has been read, a new row is in both stores."""

    def __init__(self, source: TelemetryStore, copy: TelemetryStore, first: int) -> None:
        self._stores = (source, copy)
        self._next = count(first)

    async def scan(self, selection: Selection) -> AsyncIterator[Batch]:
        async for batch in self._stores[0].scan(selection):
            yield batch
        at = next(self._next)
        for store in self._stores:
            await store.write([rows(at, at + 1)])


async def test_what_is_written_meanwhile_is_neither_taken_away_nor_in_the_way(
    iotdb_store: IotdbStore, postgres_store: PostgresStore
) -> None:
    await postgres_store.write([rows(0, 100)])
    source = cast(TelemetryStore, Live(postgres_store, iotdb_store, 100))
    step = await sync_step(source, iotdb_store, 1, RANGE)
    assert step.deleted == 0
    assert step.end >= 100_000
    assert (await sync_step(postgres_store, iotdb_store, 1, RANGE)).end == RANGE.end
    assert await content(iotdb_store) == await content(postgres_store)


class Interrupted(ObservedStore):
    """A store to which others write just before it is amended."""

    def __init__(self, store: TelemetryStore, writes: Iterator[Batch], stores: Sequence[TelemetryStore]) -> None:
        metrics = Metrics()
        super().__init__(store, metrics.time_store, metrics.points_stored)
        self._writes = writes
        self._stores = stores

    async def mark(self) -> str:
        await self._interrupt()
        return await super().mark()

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        await self._interrupt()
        return await super().amend(amendment, mark)

    async def _interrupt(self) -> None:
        for batch in itertools.islice(self._writes, 1):
            for store in self._stores:
                await store.write([batch])


async def test_what_was_overwritten_between_points_that_are_taken_away_is_compared_again(
    iotdb_store: IotdbStore, postgres_store: PostgresStore
) -> None:
    both = (postgres_store, iotdb_store)
    await postgres_store.write([rows(5, 6)])
    for at in (0, 5, 9):
        await iotdb_store.write([rows(at, at + 1)])
    # What only the copy had is written to both before the second comparison, another point after it.
    writes = iter([rows(5, 6), rows(0, 1), rows(5, 6, 9.5)])
    await sync_step(postgres_store, Interrupted(iotdb_store, writes, both), 1, RANGE)
    assert await content(iotdb_store) == await content(postgres_store)
    assert (await content(iotdb_store))["n", 5_000] == 9.5
