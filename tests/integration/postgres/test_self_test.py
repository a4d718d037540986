"""The self-test of the schema finds what is broken, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from iotflow_server.stores.postgres.migrations import bundled
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.postgres.round_trip import round_trip
from iotflow_server.stores.postgres.self_test import self_test
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.postgres import opened

#: Rows of it are dead after a test, but none is visible.
_ROWS = "SELECT count(*) FROM (SELECT FROM telemetry_data UNION ALL SELECT FROM telemetry_metadata) AS points"

CUT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.text_value := left(NEW.text_value, 9); RETURN NEW; END $$;
CREATE TRIGGER cut BEFORE INSERT ON telemetry_data FOR EACH ROW EXECUTE FUNCTION cut()
"""


async def test_a_sound_schema_makes_the_round_trip(each_postgres_store: PostgresStore) -> None:
    test = await self_test(each_postgres_store.pool)
    assert (test.version, test.points, test.trouble) == (bundled()[-1].version, 21, ())
    async with each_postgres_store.pool.connection() as connection:
        assert await connection.fetchval(_ROWS) == 0
        assert await connection.fetchval("SELECT count(*) FROM telemetry_series") == 0
        assert await connection.fetchval("SELECT count(*) FROM rollup_marks") == 0


@pytest.mark.parametrize(
    ("statement", "trouble"),
    [
        ("ALTER TABLE telemetry_data DROP CONSTRAINT telemetry_data_pkey", "telemetry_data has no unique key"),
        ("ALTER TABLE telemetry_metadata DROP CONSTRAINT telemetry_metadata_pkey", "telemetry_metadata has no unique"),
        ("ALTER TABLE telemetry_data DROP COLUMN integer_value", "telemetry_data has no column integer_value"),
        ("ALTER TABLE telemetry_data DROP COLUMN created_at", "telemetry_data has no column created_at"),
        ("DROP TABLE telemetry_metadata", "there is no table telemetry_metadata"),
        ("DELETE FROM schema_migrations WHERE version = 2", "0002_stream_writers.sql is not applied"),
        ("UPDATE schema_migrations SET checksum = '' WHERE version = 1", "0001_telemetry.sql is not applied as it is"),
        ("ALTER TABLE telemetry_data ALTER COLUMN numeric_value TYPE real", "incorrect binary data format"),
        (CUT, "does not keep values of kind TEXT"),
        ("ALTER TABLE telemetry_data ALTER COLUMN text_value TYPE varchar(100)", "value too long"),
        (
            "CREATE RULE kept AS ON DELETE TO telemetry_metadata DO INSTEAD NOTHING",
            "telemetry_metadata keeps what is deleted",
        ),
    ],
)
async def test_what_is_broken_is_named(postgres_store: PostgresStore, statement: str, trouble: str) -> None:
    async with postgres_store.pool.connection() as connection:
        await connection.execute(statement)
    test = await self_test(postgres_store.pool)
    assert trouble in "; ".join(test.trouble)
    assert test.points == 0


async def test_the_round_trip_itself_finds_that_a_key_does_not_hold(postgres_store: PostgresStore) -> None:
    async with postgres_store.pool.connection() as connection:
        await connection.execute("ALTER TABLE telemetry_data DROP CONSTRAINT telemetry_data_pkey")
        trouble = await round_trip(connection, 30)
        assert "takes a point twice" in trouble[0]
        assert await connection.fetchval(_ROWS) == 0


@pytest.fixture
async def guest(postgres_dsn: str, owners: dict[int, int]) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """The URL of a user without rights, and a connection of the owner."""
    async with opened(postgres_dsn, owners):
        pass
    owner = await asyncpg.connect(postgres_dsn)
    role = f"guest_{owner.get_server_pid()}"
    await owner.execute(f"CREATE ROLE {role} LOGIN")
    parts = urlsplit(postgres_dsn)
    yield urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}")), owner
    await owner.execute(f"DROP OWNED BY {role}")
    await owner.execute(f"DROP ROLE {role}")
    await owner.close()


async def test_a_user_without_rights_is_told_which_are_missing(guest: tuple[str, asyncpg.Connection]) -> None:
    dsn, owner = guest
    role = urlsplit(dsn).username
    pool = PostgresPool(dsn, 2, 30.0)
    assert "permission denied for table schema_migrations" in (await self_test(pool)).trouble[0]
    await owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    assert "no right to make partitions" in (await self_test(pool)).trouble[0]
    await owner.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
    assert "permission denied for table telemetry_data" in (await self_test(pool)).trouble[0]
    await pool.close()
