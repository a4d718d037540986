"""Real PostgreSQL servers for tests: one of each version for each worker, and a database for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.stores.postgres.store import PostgresStore

#: Debian's package postgresql-15.
BINARIES_15: Final = Path(os.environ.get("IOTFLOW_PG15_BIN", "/usr/lib/postgresql/15/bin"))
_SKIPPED: Final = "PostgreSQL 15 is not tested"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """PostgreSQL 18, shared by the worker's tests. It must not be stopped; tests that do so start their own."""
    yield from _running(LocalPostgres(tmp_path_factory.mktemp("postgres") / "data"))


@pytest.fixture(scope="session")
def postgres15_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """PostgreSQL 15, shared in the same way."""
    if not (BINARIES_15 / "initdb").exists():
        _miss(f"{BINARIES_15} does not exist; install postgresql-15 or set IOTFLOW_PG15_BIN")
    yield from _running(LocalPostgres(tmp_path_factory.mktemp("postgres15") / "data", BINARIES_15))


@pytest.fixture
async def postgres_dsn(postgres_server: LocalPostgres) -> AsyncIterator[str]:
    """An empty database on PostgreSQL 18."""
    async with database(postgres_server) as dsn:
        yield dsn


@pytest.fixture(params=["postgres-18", "postgres-15"])
async def each_postgres_dsn(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An empty database, on each version in turn."""
    server = request.getfixturevalue("postgres_server" if request.param == "postgres-18" else "postgres15_server")
    async with database(server) as dsn:
        yield dsn


@pytest.fixture
async def postgres_store(postgres_dsn: str, owners: dict[int, int]) -> AsyncIterator[PostgresStore]:
    """An open store on PostgreSQL 18."""
    async with opened(postgres_dsn, owners) as store:
        yield store


@pytest.fixture
async def postgres15_store(postgres15_server: LocalPostgres, owners: dict[int, int]) -> AsyncIterator[PostgresStore]:
    """An open store on PostgreSQL 15."""
    async with database(postgres15_server) as dsn, opened(dsn, owners) as store:
        yield store


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[LocalPostgres]:
    """A running server that the test may stop, kill or freeze."""
    yield from _running(LocalPostgres(tmp_path / "postgres"))


@asynccontextmanager
async def database(server: LocalPostgres) -> AsyncIterator[str]:
    """Make a database and drop it afterwards; yields its URL."""
    name = f"test_{next(_numbers)}"
    await _execute(server, f"CREATE DATABASE {name}")
    yield server.dsn.replace("/postgres?", f"/{name}?")
    await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def opened(dsn: str, owners: dict[int, int], *, patience: float = 30.0) -> AsyncIterator[PostgresStore]:
    """Open a store and close it afterwards."""
    store = PostgresStore(dsn, 4, patience, lambda device: owners.get(device, 0))
    await store.open()
    yield store
    await store.close()


async def _execute(server: LocalPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(statement)
    await connection.close()


def _running(server: LocalPostgres) -> Iterator[LocalPostgres]:
    server.start()
    yield server
    server.stop("immediate")


def _miss(reason: str) -> None:
    if os.environ.get("CI") == "true" or os.environ.get("REQUIRE_POSTGRES15") == "1":
        pytest.fail(f"PostgreSQL 15 is required (CI or REQUIRE_POSTGRES15 is set): {reason}", pytrace=False)
    pytest.skip(f"{_SKIPPED}: {reason}")
