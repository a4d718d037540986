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


async def kill_at(step: str, moving: asyncio.Task[None], dsn: str, process: ServiceProcess) -> None:
    """Kill a process while a transition stands at a step."""
    async with AsyncExitStack() as stack:
        holder, follower = [await connected(dsn, stack) for _ in range(2)]
        await holder.execute("SELECT pg_advisory_lock($1)", STEP_LOCK)
        while await holder.fetchval("SELECT step FROM migration_transitions ORDER BY revision DESC LIMIT 1") != step:
            if moving.done():
                raise AssertionError(f"moved past {step}: {moving.result()}")
            await hand_over(holder, follower)
            holder, follower = follower, holder
        await asyncio.to_thread(process.kill)


async def connected(dsn: str, stack: AsyncExitStack) -> Any:
    connection = await asyncpg.connect(dsn)
    stack.push_async_callback(connection.close)
    return connection


async def hand_over(holder: Any, follower: Any) -> None:
    """Let those who wait for the lock have it once: it is asked for again before it is given up, so that no instance
    can begin two steps between, however late this process is."""
    turn = asyncio.create_task(follower.execute("SELECT pg_advisory_lock($1)", STEP_LOCK))
    waits = "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = $1"

    async def is_queued() -> bool:
        return bool(await holder.fetchval(waits, follower.get_server_pid()))

    await until_told(is_queued)
    await holder.execute("SELECT pg_advisory_unlock($1)", STEP_LOCK)
    await turn


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
            await kill_at(step, moving, postgres_dsn, processes[victim])
            with pytest.raises(grpc.aio.AioRpcError):
                await moving
            await asyncio.to_thread(processes[victim].start)
            await moved_to(phase, callers)
    assert fleet.wrong == []
    assert await fleet.missing() == []
