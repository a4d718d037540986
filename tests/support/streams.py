"""Streams of a gateway that says who it is, message by message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch
from iotflow_server.local.service import ServiceProcess

NOON: Final = 1_767_268_800_000_000
GATEWAY: Final = "gateway-1"


def message(sequence: int, value: float, attempt: int, *, minutes: int = 0) -> WriteTelemetryStreamRequest:
    batch = ColumnBatch(
        device_id=1, timestamps=[NOON + minutes * 60_000_000], columns=[Column(name="level", numeric=[value])]
    )
    return WriteTelemetryStreamRequest(sequence=sequence, batches=[batch], writer_id=GATEWAY, attempt=attempt)


@asynccontextmanager
async def stream_to(process: ServiceProcess) -> AsyncIterator[Any]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(process.address, options=options) as channel:
        yield TelemetryServiceStub(channel).WriteTelemetryStream()  # type: ignore[call-arg]


async def write(call: Any, *messages: WriteTelemetryStreamRequest) -> None:
    for each in messages:
        await call.write(each)
    while (await call.read()).acknowledged_sequence < messages[-1].sequence:
        pass
