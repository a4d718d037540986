"""A write that waits for permission is ready, and nobody sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from iotflow_server.stores.permission import Permission, WithdrawnError
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection
from tests.support.batches import T0, batch, collect, points_of
from tests.support.waiting import until_told

OLD = batch(1, [T0], x=[1.0])
NEW = batch(1, [T0], x=[2.0], y=["new"], meta_z=[True])
#: A transaction that waits for us, and not for the next statement of its own.
_READY = """
SELECT count(*) FROM pg_stat_activity
WHERE state = 'idle in transaction' AND datname = current_database() AND state_change < now() - interval '0.3 s'
"""


async def _read(store: PostgresStore) -> Any:
    return points_of(await collect(store.scan(Selection((1,), scope=Scope.BOTH))))


async def _is_ready(store: PostgresStore) -> bool:
    async with store.pool.connection() as connection:
        return bool(await connection.fetchval(_READY))


@pytest.mark.parametrize("before", [[], [OLD]], ids=["fresh", "overwriting"])
async def test_what_is_ready_is_seen_once_that_is_permitted(postgres_store: PostgresStore, before: Any) -> None:
    await postgres_store.write(before)
    permission = Permission()
    write = asyncio.create_task(postgres_store.write([NEW], permission))
    await until_told(lambda: _is_ready(postgres_store))
    assert await _read(postgres_store) == points_of(before)
    permission.give()
    assert set(await write) == {each.device_id for each in before}
    assert await _read(postgres_store) == points_of([NEW])
    assert permission.waited > 0


@pytest.mark.parametrize("before", [[], [OLD]], ids=["fresh", "overwriting"])
async def test_what_is_withdrawn_was_never_there(postgres_store: PostgresStore, before: Any) -> None:
    await postgres_store.write(before)
    permission = Permission()
    write = asyncio.create_task(postgres_store.write([NEW], permission))
    await until_told(lambda: _is_ready(postgres_store))
    permission.refuse()
    with pytest.raises(WithdrawnError):
        await write
    assert await _read(postgres_store) == points_of(before)
    await postgres_store.write([NEW])
    assert await _read(postgres_store) == points_of([NEW])


async def test_what_was_permitted_before_waits_for_nothing(postgres_store: PostgresStore) -> None:
    permission = Permission()
    permission.give()
    await postgres_store.write([OLD], permission)
    assert await _read(postgres_store) == points_of([OLD])
    assert permission.waited == 0
