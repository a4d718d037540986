"""A gateway that writes and reads no acknowledgement, though it answers pings: its stream is ended."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import ColumnBatch
from iotflow_server.app import running
from iotflow_server.server import TelemetryServer
from tests.support.service import Caller, record, settings_of
from tests.unit.api.statuses import failure_of


@pytest.fixture
async def server(tmp_path: Path, postgres_dsn: str) -> AsyncIterator[TelemetryServer]:
    async with running(settings_of(tmp_path, postgres_dsn, unread_acknowledgement_seconds=2.0)) as server:
        yield server


def stream_to(caller: Caller) -> Any:
    return caller.telemetry.WriteTelemetryStream()  # type: ignore[call-arg]


async def write_on(call: Any) -> None:
    """Write what is refused in many words: more of these than gRPC holds for a client that does not read."""
    batches = [ColumnBatch(device_id=-1)] * 50
    for sequence in range(1, 2_001):
        await call.write(WriteTelemetryStreamRequest(sequence=sequence, batches=batches))


async def until_ended(server: TelemetryServer, code: str) -> None:
    """Return once the server counts a stream of writes that has ended so."""
    address = f"http://127.0.0.1:{server.metrics_port}/metrics"
    while True:
        with await asyncio.to_thread(urllib.request.urlopen, address) as answer:
            lines = answer.read().decode().splitlines()
        counts = [line for line in lines if line.startswith("iotflow_rpcs_total") and "WriteTelemetryStream" in line]
        if any(code in line for line in counts):
            return
        await asyncio.sleep(0.1)


async def test_the_stream_of_a_client_that_reads_nothing_is_ended_and_the_client_told(
    server: TelemetryServer,
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        caller = Caller(channel)
        call = stream_to(caller)
        # Who is still writing when a stream ends is told an error of grpc.aio's own.
        await write_on(call)
        await until_ended(server, "RESOURCE_EXHAUSTED")
        # Others on the same connection go on.
        await caller.write(record(8, 1, {"b": 1.0}))
        acknowledged = 0

        async def read() -> None:
            nonlocal acknowledged
            while True:
                acknowledged = (await call.read()).acknowledged_sequence

        failure = await failure_of(read())
        assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ACKNOWLEDGEMENTS_UNREAD")
        assert failure.retry_seconds > 0
        assert 0 < acknowledged < 2_000


async def test_a_server_stops_beside_a_stream_that_it_has_ended_and_that_nobody_reads(
    server: TelemetryServer,
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = stream_to(Caller(channel))
        await write_on(call)
        await until_ended(server, "RESOURCE_EXHAUSTED")
        await server.stop(grace=60)
        call.cancel()


async def test_a_client_that_has_nothing_to_read_is_left_alone(server: TelemetryServer) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = stream_to(Caller(channel))
        await call.write(WriteTelemetryStreamRequest(sequence=1))
        await asyncio.sleep(3.0)
        await call.write(WriteTelemetryStreamRequest(sequence=2))
        while (await call.read()).acknowledged_sequence < 2:
            pass
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
