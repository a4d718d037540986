"""The schema is brought up to date once, whoever starts first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.postgres.migrations import Migration, bundled, migrate
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.postgres.store import PostgresStore


@pytest.fixture
async def pool(each_postgres_dsn: str) -> AsyncIterator[PostgresPool]:
    pool = PostgresPool(each_postgres_dsn, 4, 30.0)
    yield pool
    await pool.close()


async def _applied(pool: PostgresPool) -> list[int]:
    async with pool.connection() as connection:
        return [row[0] for row in await connection.fetch("SELECT version FROM schema_migrations ORDER BY version")]


async def _migrate(pool: PostgresPool, migrations: tuple[Migration, ...] | None = None) -> None:
    async with pool.connection() as connection:
        await migrate(connection, migrations)


async def test_it_is_applied_once_by_several_instances_at_the_same_time(pool: PostgresPool) -> None:
    await asyncio.gather(*(_migrate(pool) for _ in range(4)))
    await _migrate(pool)
    assert await _applied(pool) == [migration.version for migration in bundled()]


async def test_a_further_file_is_applied_to_what_is_there(pool: PostgresPool) -> None:
    await _migrate(pool)
    further = Migration(9999, "9999_further.sql", "CREATE TABLE further (); SELECT 1")
    await _migrate(pool, (*bundled(), further))
    assert (await _applied(pool))[-1] == 9999


async def test_a_file_that_fails_leaves_nothing_behind(pool: PostgresPool) -> None:
    wrong = Migration(9999, "9999_wrong.sql", "CREATE TABLE half (); SELECT nonsense")
    with pytest.raises(StoreRefusedError, match="nonsense"):
        await _migrate(pool, (*bundled(), wrong))
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('half') IS NULL AND to_regclass('devices') IS NULL")


async def test_a_file_changed_after_it_was_applied_is_refused_by_name(pool: PostgresPool) -> None:
    await _migrate(pool)
    first, *others = bundled()
    with pytest.raises(StoreRefusedError, match=first.name):
        await _migrate(pool, (replace(first, sql=first.sql + " "), *others))


async def test_a_database_newer_than_the_server_is_refused(pool: PostgresPool) -> None:
    await _migrate(pool)
    with pytest.raises(StoreRefusedError, match="newer than this server"):
        await _migrate(pool, ())


async def test_a_table_that_somebody_else_made_is_refused_by_name(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE TABLE telemetry_data (id bigserial)")
    await connection.close()
    store = PostgresStore(postgres_dsn, 4, 30.0, lambda _: 0)
    with pytest.raises(StoreRefusedError, match=r"telemetry_data.*has not made it"):
        await store.open()
    await store.close()
