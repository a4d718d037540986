"""Gateways that stream to a service and resume, and what must then be stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc

from iotflow.telemetry.v1 import telemetry_service_pb2_grpc
from iotflow.telemetry.v1.telemetry_service_pb2 import (
    QueryTelemetryRequest,
    TelemetryFilter,
    WriteTelemetryStreamRequest,
    WriteTelemetryStreamResponse,
)
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch

BASE_US = 1_700_000_000_000_000
ROWS = 50
#: Messages that a gateway sends ahead of their acknowledgement.
WINDOW = 200
#: gRPC would let all gateways of a process share one.
_OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


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
                async with grpc.aio.insecure_channel(self.address, options=_OWN_CONNECTION) as channel:
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
