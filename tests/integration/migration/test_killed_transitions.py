"""Whoever is killed in the middle of a transition, it is finished, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from iotflow.telemetry.v1.migration_service_pb2 import Migration
from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from tests.integration.migration.live_fleet import LiveFleet, name_of, walk
from tests.support.service import UNBIDDEN_ENVIRONMENT, Caller, environment_of
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
#: The lock that whoever begins a step holds.
STEP_LOCK = 0x696F_7466_6C6F_7704
STEPS = ["ANNOUNCED", "STRICT", "DRAINED", "FLIPPED"]


@pytest.fixture
def processes(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> list[ServiceProcess]:
    environment = environment_of(
        postgres_dsn,
        iotdb_settings,
        **UNBIDDEN_ENVIRONMENT,
        IOTFLOW_TRANSITION_PATIENCE_SECONDS="100",
    )
    return [ServiceProcess(tmp_path / n, {**environment, "IOTFLOW_INSTANCE_NAME": n}) for n in ("one", "two")]


@pytest.fixture
async def callers(processes: list[ServiceProcess]) -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        for process in processes:
            await asyncio.to_thread(process.start)
            stack.callback(process.kill)
        # A channel must find a restarted process at once.
        options = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 100)]
        channels = [grpc.aio.insecure_channel(process.address, options=options) for process in processes]
        yield [Caller(await stack.enter_async_context(channel)) for channel in channels]


async def kill_at(step: str, dsn: str, process: ServiceProcess) -> None:
    """Kill a process while a transition stands at a step."""
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(60):
            # Who waits for the lock gets it in turn, so that between two looks at most a step is made by each instance.
            while await _step_of(connection) != step:
                await connection.execute("SELECT pg_advisory_unlock_all()")
        await asyncio.to_thread(process.kill)
    finally:
        await connection.close()


async def _step_of(connection: Any) -> str | None:
    await connection.execute("SELECT pg_advisory_lock($1)", STEP_LOCK)
    return str(await connection.fetchval("SELECT step FROM migration_transitions ORDER BY revision DESC LIMIT 1"))


async def moved_to(phase: str, callers: list[Caller]) -> None:
    async def all_there() -> bool:
        with suppress(grpc.aio.AioRpcError):
            return all([is_settled(await caller.status(), phase) for caller in callers])
        return False

    async with asyncio.timeout(100):
        await until_told(all_there)


def is_settled(status: Migration, phase: str) -> bool:
    return name_of(status) == phase and not status.HasField("transition")


@pytest.mark.timeout(400)
async def test_a_transition_survives_the_death_of_either_instance_at_each_step(
    processes: list[ServiceProcess], callers: list[Caller], postgres_dsn: str
) -> None:
    async with LiveFleet(callers, BASE) as fleet:
        await walk(callers[0], "DUAL_WRITE")
        for number, step in enumerate(STEPS):
            victim = number % 2
            phase = "READ_POSTGRES" if number % 2 == 0 else "DUAL_WRITE"
            moving = asyncio.create_task(walk(callers[victim], phase))
            await kill_at(step, postgres_dsn, processes[victim])
            with pytest.raises(grpc.aio.AioRpcError):
                await moving
            await asyncio.to_thread(processes[victim].start)
            await moved_to(phase, callers)
    assert fleet.wrong == []
    assert await fleet.missing() == []
