"""One suite for every store: a test that takes ``store`` runs against each of them."""

from __future__ import annotations

import itertools
import random
from typing import Final

import pytest

from iotflow_server.query.engine import QueryEngine
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice

#: The fixture of each store that is held to the contract.
STORES: Final = {"postgres-18": "postgres_store", "postgres-15": "postgres15_store", "iotdb": "iotdb_store"}

_numbers = itertools.count(random.randrange(1, 2**30))


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request: pytest.FixtureRequest) -> TelemetryStore:
    """Each store in turn, open."""
    found: TelemetryStore = request.getfixturevalue(request.param)
    return found


@pytest.fixture
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
    return QueryEngine(lambda: store, max_aggregate_points=100_000, max_aggregate_rows=1_000)
