"""An IoTDB that dies, freezes or comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.selection import Selection, TimeRange
from tests.integration.iotdb.helpers import one, read, read_values
from tests.support.iotdb import IotdbServer, settings_for


@pytest.fixture
async def store(own_iotdb: LocalIotdb) -> AsyncIterator[IotdbStore]:
    opened = IotdbStore(settings_for(own_iotdb, timeout=20.0), lambda _: 0)
    await opened.open()
    yield opened
    await opened.close()


async def test_an_acknowledged_point_survives_a_crash_and_the_store_connects_again(
    own_iotdb: LocalIotdb, store: IotdbStore
) -> None:
    await store.write([one(1, "a", Kind.INTEGER, 1, 1)])
    own_iotdb.kill()
    for call in (store.ping(), store.write([one(1, "a", Kind.INTEGER, 2, 2)]), read(store, 1), store.list_devices()):
        with pytest.raises(StoreUnavailableError, match="cannot reach"):
            await call
    own_iotdb.start()
    await store.write([one(1, "a", Kind.INTEGER, 3, 3)])
    assert await read_values(store, 1, "a") == [1, 3]


async def test_a_point_written_after_a_delete_survives_a_crash(own_iotdb: LocalIotdb, store: IotdbStore) -> None:
    for moment in range(5):
        await store.write([one(1, "written_again", Kind.INTEGER, moment, moment)])
    await store.delete(Selection((1,), ("written_again",), TimeRange(1000, 4000)))
    await store.write([one(1, "written_again", Kind.INTEGER, 7, 2)])
    assert await read_values(store, 1, "written_again") == [0, 7, 4]
    own_iotdb.kill()
    own_iotdb.start()
    assert await read_values(store, 1, "written_again") == [0, 7, 4]


async def test_a_restart_between_two_calls_is_not_noticed(own_iotdb: LocalIotdb, store: IotdbStore) -> None:
    await asyncio.gather(*(store.write([one(device, "a", Kind.INTEGER, device)]) for device in range(1, 9)))
    own_iotdb.kill()
    own_iotdb.start()
    assert len(await read(store, 1)) == 1
    await store.write([one(1, "a", Kind.INTEGER, 2, 2)])


async def test_a_frozen_server_ends_calls_in_time_and_is_used_again_after(own_iotdb: LocalIotdb) -> None:
    store = IotdbStore(settings_for(own_iotdb, timeout=20.0, pool_size=2), lambda _: 0)
    await store.open()
    await store.write([one(1, "a", Kind.INTEGER, 1)])
    hasty = IotdbStore(settings_for(own_iotdb, timeout=0.3, pool_size=2), lambda _: 0)
    own_iotdb.pause()
    calls = [hasty.ping(), hasty.open(), hasty.list_devices(), hasty.write([one(1, "a", Kind.INTEGER, 2)])]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailableError}
    own_iotdb.resume()
    await store.write([one(1, "a", Kind.INTEGER, 3)])
    assert await read_values(store, 1, "a") == [3]
    await hasty.close()
    await store.close()


async def test_a_wrong_password_is_told_without_it(iotdb_server: IotdbServer) -> None:
    settings = settings_for(iotdb_server).model_copy(update={"password": SecretStr("very-secret")})
    with pytest.raises(StoreUnavailableError) as caught:
        await IotdbStore(settings, lambda _: 0).open()
    assert "very-secret" not in str(caught.value)


async def test_a_call_that_is_given_up_leaves_the_store_usable(iotdb_store: IotdbStore) -> None:
    for _ in range(20):
        call = asyncio.create_task(iotdb_store.ping())
        await asyncio.sleep(0)
        call.cancel()
    await iotdb_store.ping()
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1)])
    assert len(await read(iotdb_store, 1)) == 1


async def test_close_and_open_may_be_called_again(iotdb_store: IotdbStore) -> None:
    await iotdb_store.close()
    await iotdb_store.close()
    await iotdb_store.open()
    await iotdb_store.open()
    await iotdb_store.ping()
