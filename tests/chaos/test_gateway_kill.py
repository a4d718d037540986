"""A gateway is killed at any moment, and so is the service; what its writes have returned for is in the store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.chaos.gateway_process import GatewayProcess, check, writes_more


@pytest.fixture
def service(tmp_path: Path, own_postgres: LocalPostgres) -> Iterator[ServiceProcess]:
    process = ServiceProcess(tmp_path / "data", {"IOTFLOW_POSTGRES_DSN": own_postgres.dsn})
    process.start()
    yield process
    process.kill()


async def test_a_killed_gateway_loses_nothing_that_a_write_returned_for(
    service: ServiceProcess, own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    gateway, chance = GatewayProcess(service.address, tmp_path), random.Random(11)
    for _ in range(5):
        await asyncio.to_thread(gateway.start)
        await writes_more(gateway, chance.randint(20, 1500))
        await asyncio.to_thread(gateway.kill)
    assert len(gateway.noted()) > 100
    await check(gateway, own_postgres.dsn)


async def test_gateway_and_service_are_killed_in_turn(
    service: ServiceProcess, own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    gateway = GatewayProcess(service.address, tmp_path)
    await asyncio.to_thread(gateway.start)
    for trouble in ("service", "gateway", "both", "gateway", "service"):
        await writes_more(gateway, 500)
        if trouble != "gateway":
            await asyncio.to_thread(service.kill)
            await writes_more(gateway, 200)
        if trouble != "service":
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(gateway.start)
        if trouble != "gateway":
            # It writes on while there is nobody to send to.
            await writes_more(gateway, 200)
            await asyncio.to_thread(service.start)
    await asyncio.to_thread(gateway.kill)
    await check(gateway, own_postgres.dsn)
