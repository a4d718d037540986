"""Reads a whole fleet by QueryTelemetryStream."""

from __future__ import annotations

import time
from typing import Any

import grpc
import psutil
import uvloop

from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryStreamRequest, TelemetryFilter
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from tests.bench.history import History
from tests.bench.run import Run, cpu_seconds


class ExportLoad:
    """Reads every point of ``history``; tells the most memory that the server held meanwhile, in MiB."""

    def __init__(self, address: str, server: int, history: History) -> None:
        self._address = address
        self._server = psutil.Process(server)
        self._history = history

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Read all."""
        return uvloop.run(self._run())

    def close(self) -> None:
        """There is nothing to close."""

    async def _run(self) -> Run:
        wanted = TelemetryFilter(device_ids=range(1, self._history.devices + 1))
        cpu, start, points, memory = cpu_seconds(), time.perf_counter(), 0, 0
        async with grpc.aio.insecure_channel(self._address) as channel:
            method: Any = TelemetryServiceStub(channel).QueryTelemetryStream
            async for answer in method(QueryTelemetryStreamRequest(filter=wanted)):
                points += sum(len(column.numeric) for batch in answer.batches for column in batch.columns)
                memory = max(memory, self._server.memory_info().rss)
        if points != self._history.points:
            raise ValueError(f"{points} points of {self._history.points} came")
        return Run(points, time.perf_counter() - start, cpu_seconds() - cpu, {"MiB": memory / (1 << 20)})
