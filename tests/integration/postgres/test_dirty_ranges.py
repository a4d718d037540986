"""Dirty ranges that all instances share."""

from __future__ import annotations

from iotflow_server.migration.merging import NEAR
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import TimeRange

IOTDB, POSTGRES = StoreName.IOTDB, StoreName.POSTGRES


def dirty(device_id: int, start: int, end: int, points: int = 1) -> DirtyRange:
    return DirtyRange(device_id, TimeRange(start, end), points)


async def test_ranges_near_the_oldest_are_claimed_with_it(postgres_store: PostgresStore) -> None:
    here, there = (PostgresDirty(postgres_store.pool, name, 100) for name in ("here", "there"))
    await here.add(IOTDB, [dirty(1, 0, 10), dirty(1, 5 * NEAR, 5 * NEAR + 1), dirty(2, 0, 10)])
    await there.add(IOTDB, [dirty(1, 20, NEAR)])
    await there.add(POSTGRES, [dirty(1, 0, 5)])
    claimed = await here.claim([POSTGRES, IOTDB])
    assert claimed is not None
    assert (claimed.store, claimed.range) == (POSTGRES, dirty(1, 0, 5))
    await here.split(claimed, [])
    claimed = await here.claim([POSTGRES, IOTDB])
    assert claimed is not None
    assert (claimed.store, claimed.range, claimed.range.points) == (IOTDB, dirty(1, 0, NEAR), 2)
    await here.split(claimed, [])
    for expected in (dirty(1, 5 * NEAR, 5 * NEAR + 1), dirty(2, 0, 10)):
        claimed = await here.claim([POSTGRES, IOTDB])
        assert claimed is not None
        assert claimed.range == expected
        await here.split(claimed, [])
    assert await here.claim([POSTGRES, IOTDB]) is None


async def test_what_is_put_off_is_not_claimed_with_another(postgres_store: PostgresStore) -> None:
    book = PostgresDirty(postgres_store.pool, "here", 100)
    await book.add(IOTDB, [dirty(1, 0, 10)])
    first = await book.claim([POSTGRES, IOTDB])
    assert first is not None
    await book.add(IOTDB, [dirty(1, 20, 30)])
    await book.release(first)
    second = await book.claim([POSTGRES, IOTDB], besides=[first.id])
    assert second is not None
    assert second.range == dirty(1, 20, 30)


async def test_what_could_not_be_given_back_is_claimed_again(postgres_store: PostgresStore) -> None:
    book = PostgresDirty(postgres_store.pool, "here", 100)
    async with postgres_store.pool.connection() as connection:
        for name in ("here", "there"):
            await connection.execute("INSERT INTO instances (instance_id, name) VALUES ($1, $1)", name)
    await book.add(IOTDB, [dirty(1, 0, 10)])
    # PostgreSQL was away when it was to be given back, and is here again.
    lost = await book.claim([POSTGRES, IOTDB])
    assert lost is not None
    other = PostgresDirty(postgres_store.pool, "there", 100)
    assert await other.claim([POSTGRES, IOTDB]) is None
    assert await book.claim([POSTGRES, IOTDB]) == lost
