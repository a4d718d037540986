"""Calls a second of WriteTelemetry, each answered once its record is durable, beside an echo of the same message."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.bed import Bed, postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN
from tests.bench.generator.aio import AioLoad
from tests.bench.generator.unary import ClosedLoad
from tests.bench.limits.echo import METHOD as ECHO
from tests.bench.limits.echo import EchoServer, echo_server
from tests.bench.measure import Measure, Scale
from tests.bench.records import METHOD
from tests.bench.result import Result
from tests.bench.rounds import Round, details_of, interleave, rate_result
from tests.bench.worker import Load, Worker

CALLERS: Final = 64


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    calls = scale.of(15_000, 500)
    with postgres_bed(folder) as bed, echo_server() as echo:
        rounds = _rounds(ClosedLoad, bed, echo, calls, scale.rounds)
        by_aio = _rounds(AioLoad, bed, echo, calls, 1)
    details = {side: details_of([getattr(one, side) for one in by_aio]) for side in ("subject", "limit")}
    return rate_result(measure, rounds, "calls/s", grpc_aio_client=details)


def _rounds(client: type[Load], bed: Bed, echo: EchoServer, calls: int, count: int) -> list[Round]:
    with (
        Worker(client, bed.service.address, METHOD, calls, CALLERS) as writers,
        Worker(client, echo.address, ECHO, calls, CALLERS) as echoed,
    ):
        for worker in (writers, echoed):
            worker.prepare(BEGIN)
        meter = CpuMeter({**bed.processes, "echo": [echo.process_id]})
        return interleave(lambda _: bed.from_empty(writers), lambda _: echoed.run(), count, meter)


MEASURES = (Measure("unary_durable", "ratio >= 0.50", _take),)
