"""Several processes share one registry: what one has acknowledged, every other acts upon at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import asyncpg
import pytest

from iotflow_server.access.owner_changes import OwnerChanges
from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.shared_registry import SharedRegistry
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.waiting import until, until_told

_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@asynccontextmanager
async def registry(dsn: str, *, is_open: bool = True, patience: float = 10.0) -> AsyncIterator[SharedRegistry]:
    """A registry as a process of its own has it."""
    store = PostgresStore(dsn, 4, patience, lambda device: 0)
    await store.open()
    shared = SharedRegistry(PostgresDevices(store.pool), OwnerChanges(store.pool), is_open=is_open)
    await shared.start()
    try:
        yield shared
    finally:
        await shared.stop()
        await store.close()


@pytest.fixture
async def two(postgres_dsn: str) -> AsyncIterator[tuple[SharedRegistry, SharedRegistry]]:
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(registry(postgres_dsn)),
            await stack.enter_async_context(registry(postgres_dsn)),
        )


async def test_a_device_registered_through_one_is_its_users_through_the_other(
    two: tuple[SharedRegistry, SharedRegistry],
) -> None:
    one, other = two
    await one.register(1, 7)
    assert await other.devices_of(7) == (1,)
    assert other.owner(1) == 7


async def test_every_change_of_owner_is_known_everywhere_once_it_is_acknowledged(
    two: tuple[SharedRegistry, SharedRegistry],
) -> None:
    for registry in two:
        await registry.register_unknown({1: 7})
    for number in range(20):
        await two[number % 2].register(1, 100 + number)
        assert [registry.knows(1) for registry in two] == [True, True]
        assert [registry.owner(1) for registry in two] == [100 + number] * 2


async def test_changes_made_at_once_leave_all_of_one_mind(two: tuple[SharedRegistry, SharedRegistry]) -> None:
    for registry in two:
        await registry.register_unknown({1: 7})
    await asyncio.gather(*(two[number % 2].register(1, 100 + number) for number in range(10)))
    (device,) = await two[0].list_devices(0, 0, 10)
    assert [registry.owner(1) for registry in two] == [device.user_id] * 2


async def test_the_first_to_bring_a_device_decides_whose_it_is(two: tuple[SharedRegistry, SharedRegistry]) -> None:
    await two[0].register_unknown({1: 7})
    await two[1].register_unknown({1: 8})
    assert [registry.owner(1) for registry in two] == [7, 7]


async def test_a_closed_registry_asks_before_it_refuses(postgres_dsn: str) -> None:
    async with registry(postgres_dsn) as opened, registry(postgres_dsn, is_open=False) as closed:
        await opened.register(1, 7)
        assert await closed.register_unknown({1: 0, 2: 0}) == {2}
        assert closed.owner(1) == 7


async def test_devices_are_listed_in_order_beyond_a_place(two: tuple[SharedRegistry, SharedRegistry]) -> None:
    await two[0].register_unknown({3: 7, 1: 7, 2: 8, 9: 7})
    assert [device.device_id for device in await two[1].list_devices(7, 1, 10)] == [3, 9]
    assert [device.device_id for device in await two[1].list_devices(0, 0, 2)] == [1, 2]


async def test_what_was_missed_while_the_session_was_lost_is_looked_up(
    postgres_dsn: str, two: tuple[SharedRegistry, SharedRegistry]
) -> None:
    one, other = two
    for shared in two:
        await shared.register_unknown({1: 7})
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(_END_SESSIONS)
    await connection.execute("UPDATE devices SET user_id = 9")
    await connection.close()
    await until(lambda: not other.knows(1))

    async def is_looked_up() -> bool:
        # A connection of which it is not known yet that it has ended fails the first call that takes it.
        with suppress(StoreUnavailableError):
            return await other.register_unknown({1: 7}) == frozenset()
        return False

    await until_told(is_looked_up)
    assert other.owner(1) == 9
    await until(lambda: one.knows(1) and other.knows(1))
    assert [shared.owner(1) for shared in two] == [9, 9]


async def test_a_change_is_not_acknowledged_while_a_process_does_not_confirm(postgres_dsn: str) -> None:
    async with registry(postgres_dsn, patience=1.0) as shared:
        await shared.register_unknown({1: 7})
        connection = await asyncpg.connect(postgres_dsn)
        # What a process that stands still looks like: it has heard of nothing yet.
        await connection.execute("SELECT pg_advisory_lock_shared($1, 0)", 0x696F7466)
        process_id = connection.get_server_pid()
        with pytest.raises(StoreUnavailableError, match=f"not confirmed.*{process_id}"):
            await shared.register(1, 8)
        await connection.close()
        assert (await shared.register(1, 8)).user_id == 8
        assert shared.owner(1) == 8
