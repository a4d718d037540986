"""Several workers behind one address carry a fleet from phase to phase, each as an instance of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from tests.integration.migration.live_fleet import LiveFleet, name_of, walk
from tests.support.service import UNBIDDEN_ENVIRONMENT, Caller, environment_of
from tests.support.waiting import until_told
from tests.support.workers import WORKERS, connected, logged, metric, one_of_each, serving, until_replaced, workers_on

BASE = 1_700_000_000_000


@pytest.fixture
def service(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> Iterator[ServiceProcess]:
    process = workers_on(
        tmp_path / "data",
        IOTFLOW_INSTANCE_NAME="machine",
        IOTFLOW_TRANSITION_PATIENCE_SECONDS="100",
        **environment_of(postgres_dsn, iotdb_settings, **UNBIDDEN_ENVIRONMENT),
    )
    process.start()
    yield process
    process.terminate()


async def walked(service: ServiceProcess, phase: str) -> None:
    async with connected(service) as caller:
        await walk(caller, phase)


async def instances(caller: Caller) -> list[str]:
    return [each.name for each in (await caller.status()).instances]


@pytest.mark.timeout(300)
async def test_workers_walk_through_the_phases_while_one_of_them_is_killed(service: ServiceProcess) -> None:
    async with one_of_each(service) as callers:
        async with LiveFleet(callers, BASE) as fleet:
            assert await instances(callers[0]) == ["machine worker 1", "machine worker 2"]
            await walk(callers[0], "DUAL_WRITE")
            victim = serving(service)[-1]
            os.kill(victim["process"], signal.SIGKILL)
            await until_replaced(service, victim)
            await walked(service, "READ_POSTGRES")
        assert fleet.wrong == []
        assert await fleet.missing() == []
    async with one_of_each(service) as callers:
        assert {name_of(await caller.status()) for caller in callers} == {"READ_POSTGRES"}
        assert len(await instances(callers[0])) == WORKERS

    async def is_shown() -> bool:
        return await metric(service, 'iotflow_phase{phase="READ_POSTGRES"}') == 1

    await until_told(is_shown)
    assert [line["exit_code"] for line in logged(service, "worker_ended")] == [-signal.SIGKILL]
    assert await asyncio.to_thread(service.terminate) == 0
