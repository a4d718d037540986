"""Real PostgreSQL servers for tests: one of each version for the whole run, and a database for each test."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from iotflow_server.local.postgres import LocalPostgres, LocalPostgresError
from iotflow_server.stores.postgres.store import PostgresStore

#: Debian's package postgresql-15.
BINARIES_15: Final = Path(os.environ.get("IOTFLOW_PG15_BIN", "/usr/lib/postgresql/15/bin"))
_RUN: Final = "IOTFLOW_TEST_POSTGRES"
_VERSIONS: Final = ("18", "15")
_SKIPPED: Final = "PostgreSQL 15 is not tested"
#: Nothing that a test writes has to outlive the machine. Killing the server loses nothing all the same.
_FAST: Final = {"fsync": "off"}


@pytest.fixture(scope="session")
def postgres_server() -> LocalPostgres:
    """PostgreSQL 18, shared by the whole run. It must not be stopped; tests that do so start their own."""
    return _shared("18", None)


@pytest.fixture(scope="session")
def postgres15_server() -> LocalPostgres:
    """PostgreSQL 15, shared in the same way."""
    if not (BINARIES_15 / "initdb").exists():
        _miss(f"{BINARIES_15} does not exist; install postgresql-15 or set IOTFLOW_PG15_BIN")
    return _shared("15", BINARIES_15)


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
async def each_postgres_store(each_postgres_dsn: str, owners: dict[int, int]) -> AsyncIterator[PostgresStore]:
    """An open store, on each version in turn."""
    async with opened(each_postgres_dsn, owners) as store:
        yield store


@pytest.fixture
def own_postgres() -> Iterator[LocalPostgres]:
    """A running server that the test may stop, kill or freeze."""
    # Not in pytest's own folder: each run of pytest closes that to the user who runs the server.
    folder = Path(tempfile.mkdtemp(prefix="iotflow-postgres-"))
    server = LocalPostgres(folder / "data", settings=_FAST)
    server.start()
    yield server
    with suppress(LocalPostgresError):
        server.thaw()
    server.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def database(server: LocalPostgres) -> AsyncIterator[str]:
    """Make a database and drop it afterwards; yields its URL."""
    name = f"test_{uuid.uuid4().hex}"
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


def _shared(version: str, binaries: Path | None) -> LocalPostgres:
    """Start the run's server of a version, or take over the one that another worker has started."""
    folder = Path(os.environ[_RUN])
    server = LocalPostgres(folder / version, binaries, settings=_FAST)
    with _lock(folder / "lock"):
        server.start()
    return server


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def has_postgres15() -> bool:
    """Whether tests may ask for PostgreSQL 15 without being skipped; where it is required they may, and fail."""
    return (BINARIES_15 / "initdb").exists() or _is_required()


def _is_required() -> bool:
    return os.environ.get("CI") == "true" or os.environ.get("REQUIRE_POSTGRES15") == "1"


def _miss(reason: str) -> None:
    if _is_required():
        pytest.fail(f"PostgreSQL 15 is required (CI or REQUIRE_POSTGRES15 is set): {reason}", pytrace=False)
    pytest.skip(f"{_SKIPPED}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    """Name a folder for the run; workers inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_RUN] = tempfile.mkdtemp(prefix="iotflow-postgres-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the shared servers with the run, whoever started them."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(_RUN))
    for version in _VERSIONS:
        if (folder / version).exists():
            LocalPostgres(folder / version, BINARIES_15 if version == "15" else None).stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)
