"""Brings the schema up to date: numbered SQL files, each applied once, under an advisory lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.pool import Connection, transaction

#: Any number that no other program locks in the same database.
_LOCK: Final = 0x696F_7466_6C6F_7701
_APPLIED = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Digest by which a file that was changed after it was applied is found out."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def bundled() -> tuple[Migration, ...]:
    """The migrations of this version of the server, in order."""
    files = [file for file in resources.files(__package__).joinpath("schema").iterdir() if file.name.endswith(".sql")]
    found = [Migration(int(file.name.split("_")[0]), file.name, file.read_text()) for file in files]
    return tuple(sorted(found, key=lambda migration: migration.version))


async def migrate(connection: Connection, migrations: tuple[Migration, ...] | None = None) -> None:
    """Apply what is missing, all of it or nothing. Other instances wait until it is done.

    :raises StoreRefusedError: an applied file was changed since, the database is newer than this server, or it
        holds a table of that name which this server has not made.
    """
    wanted = bundled() if migrations is None else migrations
    async with transaction(connection):
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(_APPLIED)
        rows = await connection.fetch("SELECT version, checksum FROM schema_migrations")
        applied = {row["version"]: row["checksum"] for row in rows}
        _check(wanted, applied)
        for migration in wanted:
            if migration.version not in applied:
                await _apply(connection, migration)


def _check(wanted: tuple[Migration, ...], applied: dict[int, str]) -> None:
    known = {migration.version: migration for migration in wanted}
    for version, checksum in applied.items():
        if version not in known:
            raise StoreRefusedError(
                StoreName.POSTGRES,
                f"the database has schema version {version}, newer than this server knows: update it",
            )
        if known[version].checksum != checksum:
            raise StoreRefusedError(
                StoreName.POSTGRES, f"schema file {known[version].name} was changed after it was applied: restore it"
            )


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        await connection.execute(migration.sql)
    except asyncpg.DuplicateTableError as error:
        raise StoreRefusedError(
            StoreName.POSTGRES,
            f"{error.args[0]}, and this server has not made it: rename it, or choose another database",
        ) from error
    await connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.checksum,
    )
