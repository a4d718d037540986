"""Two instances carry a fleet through all phases while it writes and reads through both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1.migration_service_pb2 import Phase
from iotflow_server.config import IotdbSettings, Settings
from tests.integration.migration.live_fleet import LiveFleet, walk
from tests.support.service import Caller, record, service, settings_of, unsatisfied

BASE = 1_700_000_000_000
FORWARD = ["DUAL_WRITE", "READ_POSTGRES", "POSTGRES_ONLY"]
BACK = ["READ_POSTGRES", "DUAL_WRITE", "PREPARATION"]


@pytest.fixture
def both_settings(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> list[Settings]:
    more: dict[str, Any] = {"instance_silence_seconds": 4.0, "transition_patience_seconds": 60.0}
    names = ("one", "two")
    return [settings_of(tmp_path / name, postgres_dsn, iotdb_settings, instance_name=name, **more) for name in names]


@pytest.fixture
async def both(both_settings: list[Settings]) -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(service(settings)) for settings in both_settings]


async def test_a_fleet_that_never_stops_goes_forward_back_and_forward_again(both: list[Caller]) -> None:
    async with LiveFleet(both, BASE) as fleet:
        for number, phase in enumerate([*FORWARD, *BACK, *FORWARD]):
            await walk(both[number % 2], phase)
            await asyncio.sleep(0.3)
    assert fleet.wrong == []
    assert fleet.reads > 50
    assert await fleet.missing() == []
    for caller in both:
        status = await caller.status()
        assert status.phase == Phase.PHASE_POSTGRES_ONLY
        assert [each.name for each in status.instances] == ["one", "two"]
        assert all(each.confirmed for each in status.instances)


async def test_an_instance_that_is_not_heard_of_holds_the_phase_until_somebody_removes_it(
    both_settings: list[Settings],
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(service(both_settings[0]))
        async with service(both_settings[1]) as two:
            await two.write(record(7, BASE, {"n": 1.0}))
            (dead,) = [each for each in (await one.status()).instances if each.name == "two"]
            with pytest.raises(grpc.aio.AioRpcError, match="stop it before") as alive:
                await one.remove_instance(dead.instance_id)
            assert alive.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        status = await one.status()
        assert unsatisfied(status.advance_guards) == ["instances_confirmed"]
        assert "two (stopped)" in status.advance_guards[2].finding
        with pytest.raises(grpc.aio.AioRpcError, match="instances_confirmed") as refused:
            await one.advance(force=True, reason="in a hurry")
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        left = await one.remove_instance(dead.instance_id)
        assert [each.name for each in left] == ["one"]
        assert (await one.advance()).phase == Phase.PHASE_DUAL_WRITE
        # What was removed comes back, and knows the phase before it serves.
        again = await stack.enter_async_context(service(both_settings[1]))
        assert (await again.status()).phase == Phase.PHASE_DUAL_WRITE
        assert len((await again.write(record(7, BASE + 1, {"n": 2.0}))).stored_in) == 2
        with pytest.raises(grpc.aio.AioRpcError, match="no instance") as unknown:
            await one.remove_instance("nobody")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
