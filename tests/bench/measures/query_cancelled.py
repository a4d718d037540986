"""How soon PostgreSQL works on nothing any more, after a caller has given up an export of the whole history."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc

from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryStreamRequest, TelemetryFilter
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from tests.bench.bed import Bed
from tests.bench.history import History, history_bed
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result

#: They have 104 million points.
_DEVICES: Final = 1_000
_QUICK_DEVICES: Final = 10
#: Answers after which the caller gives up, and callers that do at once.
_ANSWERS: Final = 3
_CALLERS: Final = 4
#: Longest wait until nothing runs, in seconds.
_PATIENCE: Final = 30.0
_RUNNING: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
    "AND state <> 'idle'"
)


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    history = History(scale.of(_DEVICES, _QUICK_DEVICES))
    with history_bed(folder, history) as bed:
        seconds = [asyncio.run(_given_up(bed, history)) for _ in range(scale.rounds)]
    return Result(
        measure.key,
        median(seconds),
        None,
        None,
        "s",
        measure.goal,
        len(seconds),
        (min(seconds), max(seconds)),
        {"points": history.points},
    )


async def _given_up(bed: Bed, history: History) -> float:
    """Seconds from the end of the last call until no backend runs anything."""
    await asyncio.gather(*(_export(bed.service.address, history) for _ in range(_CALLERS)))
    start = time.perf_counter()
    while int(bed.execute(_RUNNING) or 0):
        if time.perf_counter() - start > _PATIENCE:
            raise TimeoutError(f"a backend still runs {_PATIENCE:.0f} s after its caller has gone")
        await asyncio.sleep(0.01)
    return time.perf_counter() - start


async def _export(address: str, history: History) -> None:
    """Read the first answers of an export, and go away."""
    wanted = TelemetryFilter(device_ids=range(1, history.devices + 1))
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = TelemetryServiceStub(channel)
        call = stub.QueryTelemetryStream(QueryTelemetryStreamRequest(filter=wanted))
        for _ in range(_ANSWERS):
            await call.read()
        call.cancel()


MEASURES = (Measure("query_cancelled", "value < 1", _take),)
