"""Proves that the schema takes what the service writes: by looking, and by points written, read back and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.migrations import bundled
from iotflow_server.stores.postgres.point_rows import COLUMNS
from iotflow_server.stores.postgres.pool import Connection, PostgresPool
from iotflow_server.stores.postgres.round_trip import TROUBLE_FREE_POINTS, round_trip
from iotflow_server.stores.postgres.sql import KEYS

_APPLIED: Final = "SELECT version, checksum FROM schema_migrations"
_COLUMNS_OF: Final = """
SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
"""
_UNIQUE_KEYS: Final = """
SELECT (
    SELECT string_agg(attname, ', ' ORDER BY place)
    FROM unnest(indkey::smallint[]) WITH ORDINALITY AS key (number, place)
    JOIN pg_attribute ON attrelid = indrelid AND attnum = number
) FROM pg_index WHERE indrelid = to_regclass($1) AND indisunique AND indisvalid AND indpred IS NULL
"""
_MAY_CREATE: Final = "SELECT has_schema_privilege(current_schema(), 'CREATE')"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The version of the schema, the points that made the round trip, and what is wrong; empty where nothing is."""

    version: int
    points: int
    trouble: tuple[str, ...]


async def self_test(pool: PostgresPool) -> SelfTest:
    """Test the schema. Nothing is left of it.

    :raises StoreUnavailableError: PostgreSQL is away.
    """
    version = bundled()[-1].version
    try:
        async with pool.connection() as connection:
            trouble = await _versions(connection)
            for table in (DATA_TABLE, METADATA_TABLE):
                trouble += await _shape(connection, table)
            if not trouble:
                trouble = await round_trip(connection, pool.timeout)
    except StoreRefusedError as error:
        trouble = [error.message]
    return SelfTest(version, 0 if trouble else TROUBLE_FREE_POINTS, tuple(trouble))


async def _versions(connection: Connection) -> list[str]:
    applied = {row["version"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
    wrong = [each.name for each in bundled() if applied.get(each.version) != each.checksum]
    trouble = [f"schema file {name} is not applied as it is" for name in wrong]
    if not await connection.fetchval(_MAY_CREATE):
        trouble.append("no right to make partitions: CREATE on the schema")
    return trouble


async def _shape(connection: Connection, table: str) -> list[str]:
    columns = {row[0] for row in await connection.fetch(_COLUMNS_OF, table)}
    if not columns:
        return [f"there is no table {table}"]
    trouble = [f"{table} has no column {name}" for name in (*COLUMNS, "created_at") if name not in columns]
    keys = {row[0] for row in await connection.fetch(_UNIQUE_KEYS, table)}
    if KEYS[table] not in keys:
        trouble.append(f"{table} has no unique key ({KEYS[table]})")
    return trouble
