"""How long WriteTelemetry takes where both stores are written, beside the slower of the two written alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from tests.bench.bed import Bed, dual_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN
from tests.bench.generator.unary import ClosedLoad, PacedLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.paced import QUICK_CALLS, percentile_result, register, times_of_round
from tests.bench.measures.unary_durable import CALLERS
from tests.bench.records import METHOD
from tests.bench.result import Result
from tests.bench.rounds import interleave
from tests.bench.run import Run
from tests.bench.worker import Worker

#: The phases that write one store alone.
_ALONE: Final = ("PREPARATION", "POSTGRES_ONLY")


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    with (
        dual_bed(folder / "both", scale) as both,
        dual_bed(folder / "iotdb", scale, _ALONE[0]) as iotdb,
        dual_bed(folder / "postgres", scale, _ALONE[1]) as postgres,
    ):
        beds = (both, iotdb, postgres)
        for bed in beds:
            register(bed, scale)
        rate = _half_rate(both, scale)
        calls = scale.of(int(6 * rate), QUICK_CALLS)
        with (
            Worker(PacedLoad, both.service.address, METHOD, calls, rate) as dual,
            Worker(PacedLoad, iotdb.service.address, METHOD, calls, rate) as first,
            Worker(PacedLoad, postgres.service.address, METHOD, calls, rate) as second,
        ):

            def run(bed: Bed, worker: Worker, number: int) -> Run:
                worker.prepare(times_of_round(number, calls))
                return bed.from_empty(worker)

            def slower(number: int) -> Run:
                alone = [run(iotdb, first, number), run(postgres, second, number)]
                return max(alone, key=lambda one: one.more["p95"])

            rounds = interleave(partial(run, both, dual), slower, scale.rounds, CpuMeter(both.processes))
    return percentile_result(measure, rounds, "p95", rate)


def _half_rate(bed: Bed, scale: Scale) -> float:
    """Half of the calls a second that are answered at most."""
    with Worker(ClosedLoad, bed.service.address, METHOD, scale.of(6_000, QUICK_CALLS), CALLERS) as writers:
        writers.prepare(BEGIN)
        return bed.from_empty(writers).rate / 2


MEASURES = (Measure("dual_overhead", "ratio <= 1.2", _take),)
