"""One suite for every store: a test that takes ``store`` runs against each of them."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from typing import Final

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.query.engine import QueryEngine
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, Stores
from tests.support.iotdb import IotdbServer, settings_for
from tests.support.postgres import database, has_postgres15, opened

#: The fixture of each store that is held to the contract.
STORES: Final = {"postgres-18": "postgres_store", "postgres-15": "postgres15_store", "iotdb": "iotdb_store"}

_numbers = itertools.count(random.randrange(1, 2**30))


@pytest.fixture(scope="session")
def owners() -> dict[int, int]:
    """The user of each device. Tests share it and the stores, and keep apart by their devices."""
    return {}


@pytest.fixture(scope="session")
async def postgres_store(postgres_server: LocalPostgres, owners: dict[int, int]) -> AsyncIterator[PostgresStore]:
    """An open store on PostgreSQL 18."""
    async with database(postgres_server) as dsn, opened(dsn, owners) as store:
        yield store


@pytest.fixture(scope="session")
async def postgres15_store(postgres15_server: LocalPostgres, owners: dict[int, int]) -> AsyncIterator[PostgresStore]:
    """An open store on PostgreSQL 15."""
    async with database(postgres15_server) as dsn, opened(dsn, owners) as store:
        yield store


@pytest.fixture(scope="session")
async def iotdb_store(iotdb_server: IotdbServer, owners: dict[int, int]) -> AsyncIterator[TelemetryStore]:
    """An open store on IoTDB."""
    from iotflow_server.stores.iotdb.store import IotdbStore

    store = IotdbStore(settings_for(iotdb_server), lambda device: owners.get(device, 0))
    await store.open()
    yield store
    await store.close()


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request: pytest.FixtureRequest) -> TelemetryStore:
    """Each store in turn, open."""
    found: TelemetryStore = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def stores(request: pytest.FixtureRequest, postgres_store: PostgresStore, iotdb_store: TelemetryStore) -> Stores:
    """Stores to be compared, open; PostgreSQL 15 is one of them where it is installed."""
    others = ["postgres15_store"] if has_postgres15() else []
    return [postgres_store, iotdb_store, *(request.getfixturevalue(name) for name in others)]


@pytest.fixture(scope="session")
def new_device(owners: dict[int, int]) -> NewDevice:
    """Names devices that no other test has; each greater than the one before."""

    def new_device(owner: int = 0) -> int:
        device = next(_numbers)
        if owner:
            owners[device] = owner
        return device

    return new_device


@pytest.fixture
def engine(store: TelemetryStore) -> QueryEngine:
    """A query engine on the store."""
    return QueryEngine(lambda: store, max_page_bytes=1 << 20, max_aggregate_points=100_000, max_aggregate_rows=1_000)
