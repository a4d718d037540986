"""Calls a second of WriteTelemetry, each answered once its record is durable, beside an echo of the same message."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.bed import postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN
from tests.bench.generator.unary import ClosedLoad
from tests.bench.limits import echo
from tests.bench.measure import Measure, Scale
from tests.bench.records import METHOD
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.worker import Worker

CALLERS: Final = 64


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    calls = scale.of(15_000, 500)
    with (
        postgres_bed(folder) as bed,
        echo.echo_server() as other,
        Worker(ClosedLoad, bed.service.address, METHOD, calls, CALLERS) as writers,
        Worker(ClosedLoad, other.address, echo.METHOD, calls, CALLERS) as echoed,
    ):
        for worker in (writers, echoed):
            worker.prepare(BEGIN)
        meter = CpuMeter({**bed.processes, "echo": [other.process_id]})
        rounds = interleave(lambda _: bed.from_empty(writers), lambda _: echoed.run(), scale.rounds, meter)
    return rate_result(measure, rounds, "calls/s")


MEASURES = (Measure("unary_durable", "ratio >= 0.50", _take),)
