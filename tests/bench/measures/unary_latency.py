"""How long WriteTelemetry takes at half of the rate that 64 callers reach, beside a bare commit at the same rate."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.bed import Bed, dual_bed, postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN
from tests.bench.generator.unary import ClosedLoad, PacedLoad
from tests.bench.limits.commits import CommitLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.paced import QUICK_CALLS, percentile_result, register, times_of_round
from tests.bench.measures.unary_durable import CALLERS
from tests.bench.records import METHOD
from tests.bench.result import Result
from tests.bench.rounds import interleave
from tests.bench.run import Run
from tests.bench.worker import Worker

_GOAL: Final = "ratio <= 3, value < 10"


def _on_postgres(measure: Measure, folder: Path, scale: Scale) -> Result:
    with postgres_bed(folder) as bed:
        return _result(measure, bed, _half_rate(bed, scale), scale)


def _on_both(measure: Measure, folder: Path, scale: Scale) -> Result:
    with postgres_bed(folder / "alone") as bed:
        rate = _half_rate(bed, scale)
    with dual_bed(folder / "dual", scale) as both:
        return _result(measure, both, rate, scale)


def _half_rate(bed: Bed, scale: Scale) -> float:
    """Half of the calls a second that are answered at most, PostgreSQL alone being written."""
    with Worker(ClosedLoad, bed.service.address, METHOD, scale.of(10_000, 500), CALLERS) as writers:
        writers.prepare(BEGIN)
        rates = [bed.from_empty(writers).rate for _ in range(3)]
    return median(rates) / 2


def _result(measure: Measure, bed: Bed, rate: float, scale: Scale) -> Result:
    calls = scale.of(int(8 * rate), QUICK_CALLS)
    register(bed, scale)
    with (
        Worker(PacedLoad, bed.service.address, METHOD, calls, rate) as writers,
        Worker(CommitLoad, bed.socket_folder, calls, rate) as commits,
    ):

        def run(worker: Worker, number: int) -> Run:
            worker.prepare(times_of_round(number, calls))
            return bed.from_empty(worker)

        rounds = interleave(partial(run, writers), partial(run, commits), scale.rounds, CpuMeter(bed.processes))
    return percentile_result(measure, rounds, "p99", rate)


MEASURES = (
    Measure("unary_latency", _GOAL, _on_postgres),
    Measure("unary_latency_dual", _GOAL, _on_both),
)
