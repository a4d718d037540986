"""Processes end at any moment; what was acknowledged is there afterwards, and nothing else is made up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.support.gateway import ROWS, Gateway, check, stored

GATEWAYS = 4


@pytest.fixture
def service(tmp_path: Path, own_postgres: LocalPostgres) -> Iterator[ServiceProcess]:
    process = ServiceProcess(tmp_path / "data", {"IOTFLOW_POSTGRES_DSN": own_postgres.dsn})
    process.start()
    yield process
    process.kill()


async def under_load(service: ServiceProcess, trouble: list[str], postgres: LocalPostgres) -> list[Gateway]:
    chance = random.Random(7)
    gateways = [Gateway(service.address, device_id) for device_id in range(1, GATEWAYS + 1)]
    tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
    for what in trouble:
        await asyncio.sleep(0.3 + chance.random() * 0.5)
        before = [gateway.acknowledged for gateway in gateways]
        if what == "service":
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
        elif what == "postgres":
            await asyncio.to_thread(postgres.stop, "immediate")
            await asyncio.to_thread(postgres.start)
        else:
            assert await asyncio.to_thread(service.terminate) == 0
            await asyncio.to_thread(service.start)
        async with asyncio.timeout(60):
            await asyncio.gather(*(g.beyond(then) for g, then in zip(gateways, before, strict=True)))
    for gateway in gateways:
        gateway.stop.set()
    await asyncio.gather(*tasks)
    return gateways


async def test_every_acknowledged_point_survives_kill_and_crash(
    service: ServiceProcess, own_postgres: LocalPostgres
) -> None:
    trouble = ["service", "postgres", "service", "drain", "postgres"]
    await check(service.address, await under_load(service, trouble, own_postgres))


async def test_a_drained_stream_has_acknowledged_all_it_stored(
    service: ServiceProcess, own_postgres: LocalPostgres
) -> None:
    gateways = [Gateway(service.address, device_id) for device_id in range(1, GATEWAYS + 1)]
    tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
    await asyncio.sleep(0.5)
    assert await asyncio.to_thread(service.terminate) == 0
    for gateway in gateways:
        gateway.stop.set()
    await asyncio.gather(*tasks)
    await asyncio.to_thread(service.start)
    for gateway in gateways:
        assert len(await stored(service.address, gateway.device_id)) == gateway.acknowledged * ROWS * 2
