"""Processes end at any moment; what was acknowledged is there afterwards, and nothing else is made up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from iotflow.telemetry.v1 import telemetry_service_pb2_grpc
from iotflow.telemetry.v1.telemetry_service_pb2 import (
    QueryTelemetryRequest,
    TelemetryFilter,
    WriteTelemetryStreamRequest,
    WriteTelemetryStreamResponse,
)
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess

BASE_US = 1_700_000_000_000_000
ROWS = 50
GATEWAYS = 4
#: Messages that a gateway sends ahead of their acknowledgement.
WINDOW = 200


@pytest.fixture
def service(tmp_path: Path, own_postgres: LocalPostgres) -> Iterator[ServiceProcess]:
    process = ServiceProcess(tmp_path / "data", {"IOTFLOW_POSTGRES_DSN": own_postgres.dsn})
    process.start()
    yield process
    process.kill()


class Gateway:
    """Streams messages of one device; resends after a reconnect what was not acknowledged."""

    def __init__(self, address: str, device_id: int) -> None:
        self.address = address
        self.device_id = device_id
        self.acknowledged = 0
        self.stop = asyncio.Event()
        self._progress = asyncio.Condition()

    async def run(self) -> None:
        """Stream until told to stop, reconnecting whenever the stream breaks."""
        while not self.stop.is_set():
            with suppress(grpc.aio.AioRpcError):
                async with grpc.aio.insecure_channel(self.address) as channel:
                    stub = telemetry_service_pb2_grpc.TelemetryServiceStub(channel)
                    await self._stream(stub, self.acknowledged)
            await asyncio.sleep(0.02)

    async def _stream(self, stub: telemetry_service_pb2_grpc.TelemetryServiceStub, first: int) -> None:
        answer: WriteTelemetryStreamResponse
        async for answer in stub.WriteTelemetryStream(self._messages(first)):  # type: ignore[arg-type,attr-defined]
            assert not answer.rejections
            async with self._progress:
                self.acknowledged = first + answer.acknowledged_sequence
                self._progress.notify_all()

    async def beyond(self, count: int) -> None:
        """Return once more messages are acknowledged than that."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.acknowledged > count)

    async def _messages(self, first: int) -> AsyncIterator[WriteTelemetryStreamRequest]:
        sequence = 0
        while not self.stop.is_set():
            await self.beyond(first + sequence - WINDOW)
            batch = message(self.device_id, first + sequence)
            sequence += 1
            yield WriteTelemetryStreamRequest(sequence=sequence, batches=[batch])
            await asyncio.sleep(0.001)


def message(device_id: int, number: int) -> ColumnBatch:
    rows = range(number * ROWS, (number + 1) * ROWS)
    return ColumnBatch(
        device_id=device_id,
        timestamps=[BASE_US + row for row in rows],
        columns=[Column(name="row", integer=list(rows)), Column(name="half", numeric=[row / 2 for row in rows])],
    )


async def stored(address: str, device_id: int) -> dict[tuple[str, int], float]:
    """All points of a device by (measurement, row)."""
    points: dict[tuple[str, int], float] = {}
    token = ""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = telemetry_service_pb2_grpc.TelemetryServiceStub(channel)
        while True:
            request = QueryTelemetryRequest(
                filter=TelemetryFilter(device_ids=[device_id]), page_size=10_000, page_token=token
            )
            page = await stub.QueryTelemetry(request)  # type: ignore[misc]
            for point in page.points:
                value = point.value.integer if point.measurement == "row" else point.value.numeric
                points[point.measurement, point.timestamp.ToMicroseconds() - BASE_US] = value
            token = page.next_page_token
            if not token:
                return points


async def check(address: str, gateways: list[Gateway]) -> None:
    for gateway in gateways:
        points = await stored(address, gateway.device_id)
        assert gateway.acknowledged > 0
        for row in range(gateway.acknowledged * ROWS):
            assert points["row", row] == row
            assert points["half", row] == row / 2
        assert all(value == (row if name == "row" else row / 2) for (name, row), value in points.items())


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
