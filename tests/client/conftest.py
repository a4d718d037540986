"""One real service for all tests of the client, and both clients connected to it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from iotflow.telemetry import BlockingTelemetryClient, TelemetryClient
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess

_DEVICE_IDS = itertools.count(1)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service on embedded PostgreSQL."""
    process = ServiceProcess(tmp_path_factory.mktemp("service"), {})
    try:
        process.start()
        yield process
    finally:
        process.terminate()


@pytest.fixture
async def client(service: ServiceProcess) -> AsyncIterator[TelemetryClient]:
    """The asyncio client."""
    async with TelemetryClient(service.address) as connected:
        yield connected


@pytest.fixture
def blocking(service: ServiceProcess) -> Iterator[BlockingTelemetryClient]:
    """The blocking client."""
    with BlockingTelemetryClient(service.address) as connected:
        yield connected


@pytest.fixture
def device() -> int:
    """A device that no other test has."""
    return next(_DEVICE_IDS)


@pytest.fixture
async def lost_service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    """A service of a test's own, to be ended by it."""
    folder = tmp_path_factory.mktemp("lost")
    process = ServiceProcess(folder, {})
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        await asyncio.to_thread(process.terminate)
        # A service that was killed leaves its PostgreSQL running.
        await asyncio.to_thread(LocalPostgres(folder / "postgres").stop)
