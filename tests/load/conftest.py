"""The real service that load is put on, and the real ghz."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.load.ghz import MISSING, find_ghz
from tests.load.running import Target
from tests.load.seed import seed
from tests.support.postgres import database


@pytest.fixture(scope="session")
async def dsn(postgres_server: LocalPostgres) -> AsyncIterator[str]:
    """An empty database for the service."""
    async with database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def target(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A service with the history that the queries ask for."""
    process = ServiceProcess(tmp_path_factory.mktemp("service"), {"IOTFLOW_POSTGRES_DSN": dsn})
    try:
        process.start()
        seed(process.address)
        yield Target(process.address, dsn)
    finally:
        process.terminate()


@pytest.fixture(scope="session")
def ghz() -> Path:
    """The path of ghz. Without Go the test is skipped; with CI=true it fails, as it does where Go cannot build it."""
    found = find_ghz()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found
