"""The server goes away and comes back; the store needs no restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection
from tests.support.batches import T0, collect, point, points_of
from tests.support.postgres import opened

_CALLS: dict[str, Callable[[PostgresStore], Awaitable[object]]] = {
    "ping": lambda store: store.ping(),
    "write": lambda store: store.write([point(1, T0 + 1, "x", 2.0)]),
    "overwrite": lambda store: store.write([point(1, T0, "x", 1.0)]),
    "scan": lambda store: collect(store.scan(Selection((1,)))),
    "page": lambda store: store.page(Selection((1,)), limit=10),
    "latest": lambda store: store.latest(Selection((1,))),
    "delete": lambda store: store.delete(Selection((2,))),
    "list_series": lambda store: store.list_series([1]),
    "series_types": lambda store: store.series_types(1),
    "list_devices": lambda store: store.list_devices(),
}


async def _until_it_answers(store: PostgresStore) -> None:
    # A connection that broke unnoticed may cost one call each.
    for _ in range(20):
        with suppress(StoreUnavailableError):
            await store.ping()
            return
        await asyncio.sleep(0.1)
    await store.ping()


@pytest.mark.parametrize("end", [LocalPostgres.kill, lambda server: server.stop("immediate"), LocalPostgres.stop])
async def test_what_was_written_is_there_after_the_server_comes_back(
    own_postgres: LocalPostgres, end: Callable[[LocalPostgres], None]
) -> None:
    async with opened(own_postgres.dsn, {}, patience=10.0) as store:
        await store.write([point(1, T0, "x", 1.0)])
        end(own_postgres)
        for call in _CALLS.values():
            with pytest.raises(StoreUnavailableError):
                await call(store)
        own_postgres.start()
        await _until_it_answers(store)
        await store.write([point(1, T0 + 1, "x", 2.0)])
        found = points_of(await collect(store.scan(Selection((1,)))))
    assert found == points_of([point(1, T0, "x", 1.0), point(1, T0 + 1, "x", 2.0)])


async def test_a_frozen_server_is_unavailable_and_serves_on_when_it_thaws(own_postgres: LocalPostgres) -> None:
    async with opened(own_postgres.dsn, {}, patience=0.5) as store:
        await store.write([point(1, T0, "x", 1.0)])
        own_postgres.freeze()
        async with asyncio.timeout(60):
            for call in _CALLS.values():
                with pytest.raises(StoreUnavailableError):
                    await call(store)
        own_postgres.thaw()
        await _until_it_answers(store)
        assert len(points_of(await collect(store.scan(Selection((1,)))))) >= 1


async def test_writes_under_way_while_the_server_is_killed_are_stored_or_raise(own_postgres: LocalPostgres) -> None:
    async with opened(own_postgres.dsn, {}, patience=10.0) as store:
        stored: list[int] = []
        under_way = asyncio.Event()

        async def write(first: int) -> None:
            for number in range(first, first + 200):
                await store.write([point(1, T0 + number, "x", float(number))])
                stored.append(number)
                under_way.set()

        writers = asyncio.gather(*(write(lane * 1000) for lane in range(4)), return_exceptions=True)
        await under_way.wait()
        own_postgres.kill()
        assert all(isinstance(error, StoreUnavailableError) for error in await writers)
        own_postgres.start()
        await _until_it_answers(store)
        found = {moment - T0 for moment, _, _ in points_of(await collect(store.scan(Selection((1,)))))}
        series = await store.list_series([1])
    assert set(stored) <= found
    assert [one.measurement for one in series] == ["x"]


async def test_opening_may_be_tried_again_and_never_shows_the_password(own_postgres: LocalPostgres) -> None:
    own_postgres.stop()
    dsn = own_postgres.dsn.replace("postgres@", "postgres:hunter2@")
    store = PostgresStore(dsn, 4, 5.0, lambda _: 0)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError) as refused:
            await store.open()
        assert "hunter2" not in str(refused.value)
        assert "\n" not in str(refused.value)
    own_postgres.start()
    await store.open()
    await store.ping()
    await store.close()


async def test_a_store_that_could_not_be_opened_serves_once_it_could(own_postgres: LocalPostgres) -> None:
    own_postgres.stop()
    store = PostgresStore(own_postgres.dsn, 4, 5.0, lambda _: 0)
    with pytest.raises(StoreUnavailableError):
        await store.write([point(1, T0, "x", 1.0)])
    own_postgres.start()
    await store.open()
    await store.write([point(1, T0, "x", 1.0)])
    await store.close()
