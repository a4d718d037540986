"""The GatewayWriter where the link or the service fails: it spools, comes back, and goes on where it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow.telemetry import (
    AbortedError,
    BlockingGatewayWriter,
    Columns,
    GatewayWriter,
    RejectedPoints,
    TelemetryClient,
    TelemetryError,
    UnavailableError,
)
from iotflow.telemetry._backoff import Route
from iotflow.telemetry._spool import Spool
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.client.gateways import NOWHERE, START, eventually, stored

both_ways = pytest.mark.parametrize("durable", [True, False], ids=["durable", "quick"])


def quick_to_return(address: str | list[str], spool: Path, **options: Any) -> GatewayWriter:
    return GatewayWriter(address, spool=spool, max_backoff=0.1, **options)


async def write(writer: GatewayWriter, device: int, numbers: range) -> None:
    """Write in order, many ahead of their commits."""
    for start in range(numbers.start, numbers.stop, 100):
        block = range(start, min(start + 100, numbers.stop))
        await asyncio.gather(*(writer.write(device, {"x": number}, START + number) for number in block))


@both_ways
async def test_what_was_written_while_the_service_was_away_arrives_when_it_is_back(
    lost_service: ServiceProcess, tmp_path: Path, durable: bool
) -> None:
    async with quick_to_return(lost_service.address, tmp_path / "spool", durable=durable) as writer:
        await write(writer, 1, range(500))
        await writer.flush()
        await asyncio.to_thread(lost_service.terminate)
        await write(writer, 1, range(500, 2000))
        await eventually(lambda: isinstance(writer.status.last_error, UnavailableError))
        status = writer.status
        assert (status.connected, status.is_refused, status.spooled_points) == (False, False, 1500)
        assert status.lag > 0
        await asyncio.to_thread(lost_service.start)
        await write(writer, 1, range(2000, 2500))
        await writer.flush()
        assert (writer.status.connected, writer.status.last_error, writer.status.reconnects) == (True, None, 1)
        assert writer.status.acknowledged_points == 2500
    assert await stored(lost_service.address, 1) == {number: number for number in range(2500)}


async def test_a_stream_left_behind_by_the_process_before_undoes_nothing(
    service: ServiceProcess, client: TelemetryClient, device: int, tmp_path: Path
) -> None:
    for number in range(2):
        async with GatewayWriter(service.address, spool=tmp_path / "spool") as writer:
            await writer.write(device, {"x": number}, START)
    spool = Spool.open(tmp_path / "spool", 1 << 26, is_durable=True)
    spool.close()
    assert spool.attempt == 2
    with pytest.raises(AbortedError, match="attempt 2"):
        async with client.write_stream(writer_id=spool.writer_id, attempt=1) as stream:
            await stream.send(Columns(device, [START], {"x": [0]}))
    assert await stored(service.address, device) == {0: 1}


@both_ways
async def test_what_one_writer_could_not_send_the_next_one_sends(
    service: ServiceProcess, device: int, tmp_path: Path, durable: bool
) -> None:
    spool = tmp_path / "spool"
    async with GatewayWriter(NOWHERE, spool=spool, durable=durable, close_timeout=0) as writer:
        await write(writer, device, range(1000))
    assert writer.status.spooled_points == 1000
    async with GatewayWriter(service.address, spool=spool, durable=not durable) as writer:
        assert writer.status.spooled_points == 1000
        await writer.write(device, {"x": -1}, START + 999)
        await writer.flush()
    assert await stored(service.address, device) == {number: number for number in range(999)} | {999: -1}


@both_ways
async def test_a_backlog_larger_than_memory_is_replayed_in_order(
    service: ServiceProcess, device: int, tmp_path: Path, durable: bool
) -> None:
    options: dict[str, Any] = {"durable": durable, "max_spool_bytes": 8 << 20, "close_timeout": 0}
    padding = "x" * 10_000
    async with GatewayWriter(NOWHERE, spool=tmp_path / "spool", **options) as writer:
        # The head of the backlog holds a quarter of the spool: most of it is only on disk.
        for number in range(500):
            await writer.write(device, {"x": number, "padding": padding}, START + number % 50)
    async with GatewayWriter(service.address, spool=tmp_path / "spool", **options) as writer:
        await writer.flush()
        assert writer.status.acknowledged_points == 1000
    assert await stored(service.address, device) == {number % 50: number for number in range(450, 500)}


@both_ways
async def test_overwrites_of_a_key_keep_their_order_through_kills_of_the_service(
    lost_service: ServiceProcess, tmp_path: Path, durable: bool
) -> None:
    last = 0
    async with quick_to_return(lost_service.address, tmp_path / "spool", durable=durable) as writer:
        for _ in range(3):
            for _ in range(1000):
                last += 1
                await writer.write(1, {"x": last}, START + last % 5)
            await asyncio.to_thread(lost_service.kill)
            for _ in range(100):
                last += 1
                await writer.write(1, {"x": last}, START + last % 5)
            await asyncio.to_thread(lost_service.start)
        await writer.flush()
    assert await stored(lost_service.address, 1) == {number % 5: number for number in range(last - 4, last + 1)}


async def test_a_store_that_is_away_is_waited_for(tmp_path: Path, own_postgres: LocalPostgres) -> None:
    process = ServiceProcess(tmp_path / "data", {"IOTFLOW_POSTGRES_DSN": own_postgres.dsn})
    await asyncio.to_thread(process.start)
    try:
        async with quick_to_return(process.address, tmp_path / "spool") as writer:
            await write(writer, 1, range(100))
            await writer.flush()
            await asyncio.to_thread(own_postgres.stop, "immediate")
            await write(writer, 1, range(100, 200))
            await eventually(lambda: isinstance(writer.status.last_error, UnavailableError))
            await asyncio.to_thread(own_postgres.start)
            await writer.flush(timeout=60)
        assert await stored(process.address, 1) == {number: number for number in range(200)}
    finally:
        await asyncio.to_thread(process.terminate)


async def test_of_two_addresses_the_one_that_lives_is_found(
    service: ServiceProcess, device: int, tmp_path: Path
) -> None:
    async with GatewayWriter([NOWHERE, service.address], spool=tmp_path / "spool", max_backoff=3600) as writer:
        await writer.write(device, {"x": 1}, START)
        await writer.flush()
        assert writer.status.address == service.address
    assert await stored(service.address, device) == {0: 1}


async def test_when_one_service_is_lost_the_other_takes_over(
    service: ServiceProcess, lost_service: ServiceProcess, device: int, tmp_path: Path
) -> None:
    addresses = [lost_service.address, service.address]
    async with quick_to_return(addresses, tmp_path / "spool") as writer:
        await writer.write(device, {"x": 1}, START)
        await writer.flush()
        assert writer.status.address == lost_service.address
        await asyncio.to_thread(lost_service.kill)
        await writer.write(device, {"x": 2}, START + 1)
        await writer.flush()
        assert (writer.status.address, writer.status.reconnects) == (service.address, 1)
    assert await stored(service.address, device) == {1: 2}


@asynccontextmanager
async def refusing(code: grpc.StatusCode) -> AsyncIterator[str]:
    """A real server that refuses every stream."""

    async def refuse(_: Any, context: Any) -> None:
        await context.abort(code, "not you")

    server = grpc.aio.server()
    handler: Any = grpc.stream_stream_rpc_method_handler(refuse)
    service = grpc.method_handlers_generic_handler(
        "iotflow.telemetry.v1.TelemetryService", {"WriteTelemetryStream": handler}
    )
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.parametrize("name", ["UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_ARGUMENT", "UNIMPLEMENTED"])
async def test_what_no_retry_cures_is_told_and_spooling_goes_on(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[TelemetryError] = []
    async with refusing(grpc.StatusCode[name]) as address:
        with caplog.at_level(logging.ERROR):
            async with quick_to_return(address, tmp_path / "spool", close_timeout=0, on_refused=told.append) as writer:
                await writer.write(1, {"x": 1}, START)
                # It tries again, more slowly.
                await eventually(lambda: len(told) > 2)
                await writer.write(1, {"x": 2}, START)
                assert writer.status.is_refused
                assert isinstance(writer.status.last_error, TelemetryError)
                assert writer.status.last_error.code.name == name
                assert writer.status.spooled_points == 2
    assert [each.code.name for each in told] == [name] * len(told)
    assert caplog.text.count("not you") == 1


async def test_messages_too_large_for_the_service_are_split_and_a_point_too_large_is_rejected(tmp_path: Path) -> None:
    told: list[RejectedPoints] = []
    process = ServiceProcess(tmp_path / "data", {"IOTFLOW_MAX_MESSAGE_BYTES": str(64 << 10)})
    await asyncio.to_thread(process.start)
    try:
        async with quick_to_return(process.address, tmp_path / "spool", on_rejection=told.append) as writer:
            texts = ["a" * 40_000, "b" * 70_000, "c" * 300_000, "d" * 40_000, "e" * 20]
            await asyncio.gather(
                *(writer.write(1, {"x": row, "t": text}, START + row) for row, text in enumerate(texts))
            )
            await writer.flush()
            status = writer.status
        assert await stored(process.address, 1) == dict(enumerate(range(5)))
        assert await stored(process.address, 1, "t") == {row: texts[row] for row in (0, 3, 4)}
    finally:
        await asyncio.to_thread(process.terminate)
    assert (status.acknowledged_points, status.rejected_points, status.spooled_points) == (8, 2, 0)
    assert [(each.measurement, each.timestamps.astype("int64").tolist()) for each in told] == [
        ("t", [START + 1]),
        ("t", [START + 2]),
    ]


def test_the_blocking_writer_spools_and_returns_too(lost_service: ServiceProcess, tmp_path: Path) -> None:
    with BlockingGatewayWriter(lost_service.address, spool=tmp_path / "spool", max_backoff=0.1) as writer:
        writer.write(1, {"x": 1}, START)
        writer.flush()
        lost_service.kill()
        writer.write(1, {"x": 2}, START + 1)
        with pytest.raises(TimeoutError, match="not all was acknowledged"):
            writer.flush(timeout=0.2)
        assert writer.status.spooled_points == 1
        lost_service.start()
        writer.flush()
        assert writer.status.acknowledged_points == 2
    assert asyncio.run(stored(lost_service.address, 1)) == {0: 1, 1: 2}


def unavailable(retry_after: float | None = None) -> UnavailableError:
    return UnavailableError(grpc.StatusCode.UNAVAILABLE, "away", retry_after=retry_after)


def test_pauses_grow_are_spread_and_end_with_success() -> None:
    pauses = []
    for _ in range(200):
        route = Route(["a"], 10.0)
        pauses.append([route.pause_after(unavailable()) for _ in range(10)])
    for attempt in range(10):
        bound = min(10.0, 0.2 * 2**attempt)
        found = [each[attempt] for each in pauses]
        assert 0 <= min(found) < bound / 4
        assert bound * 3 / 4 < max(found) <= bound
    route.succeeded()
    assert route.pause_after(unavailable()) <= 0.2


def test_a_pause_is_at_least_what_the_service_asks_for_and_long_where_no_retry_helps() -> None:
    assert 5.0 <= Route(["a"], 10.0).pause_after(unavailable(retry_after=5.0)) <= 5.2
    refused = TelemetryError(grpc.StatusCode.UNAUTHENTICATED, "no")
    assert 5.0 <= Route(["a"], 10.0).pause_after(refused) <= 10.0


def test_all_addresses_are_tried_before_a_pause() -> None:
    route = Route(["a", "b", "c"], 10.0)
    tried = []
    for _ in range(6):
        tried.append(route.address)
        pause = route.pause_after(unavailable(retry_after=1.0))
        assert (pause >= 1.0) == (tried[-1] == "c")
    assert tried == ["a", "b", "c", "a", "b", "c"]
