"""WatchMigration: one look for all who watch, told when it changes and from time to time, ended by a drain."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from tests.unit.api.parts import Edge, running
from tests.unit.api.statuses import failure_of


def watch(edge: Edge, every_seconds: float = 60.0) -> Any:
    return edge.moves.WatchMigration(pb.WatchMigrationRequest(every_seconds=every_seconds))


async def next_epoch(call: Any) -> int:
    async with asyncio.timeout(60):
        return int((await call.read()).migration.epoch)


async def test_a_change_is_told_long_before_it_is_due() -> None:
    async with running() as edge:
        call = watch(edge)
        assert await next_epoch(call) == 2
        edge.migration.epoch = 3
        assert await next_epoch(call) == 3
        call.cancel()


async def test_where_nothing_changes_it_is_told_all_the_same() -> None:
    async with running() as edge:
        call = watch(edge, every_seconds=1)
        assert [await next_epoch(call) for _ in range(3)] == [2, 2, 2]
        call.cancel()


async def test_many_who_watch_look_once() -> None:
    async with running() as edge:
        calls = [watch(edge) for _ in range(30)]
        assert {await next_epoch(call) for call in calls} == {2}
        edge.migration.epoch = 3
        assert {await next_epoch(call) for call in calls} == {3}
        assert edge.migration.looks < len(calls)
        for call in calls:
            call.cancel()


async def test_a_drain_ends_it_in_good_order() -> None:
    async with running() as edge:
        call = watch(edge)
        assert await next_epoch(call) == 2
        stopping = asyncio.create_task(edge.server.stop(30))
        async with asyncio.timeout(60):
            assert await call.read() == grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
        await stopping


async def test_nobody_looks_when_nobody_watches() -> None:
    async with running() as edge:
        call = watch(edge)
        await next_epoch(call)
        call.cancel()
        await asyncio.sleep(0.2)
        looks = edge.migration.looks
        await asyncio.sleep(1.5)
        assert edge.migration.looks <= looks + 1


@pytest.mark.parametrize("every_seconds", [0.5, -1, 61, float("nan")])
async def test_a_span_that_makes_no_sense_is_refused(every_seconds: float) -> None:
    async with running() as edge:
        failure = await failure_of(watch(edge, every_seconds).read())
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "1 to 60 seconds" in failure.message
