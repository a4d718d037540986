"""How long WriteTelemetry takes at half of the rate that 64 callers reach, beside a bare commit at the same rate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.bed import Bed, dual_bed, postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN, STEP
from tests.bench.generator.unary import ClosedLoad, PacedLoad
from tests.bench.limits.commits import CommitLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.unary_durable import CALLERS
from tests.bench.records import DEVICES, METHOD
from tests.bench.result import Result
from tests.bench.rounds import Round, Sample, interleave
from tests.bench.run import Run
from tests.bench.worker import Worker

_GOAL: Final = "ratio <= 3, value < 10"


def _on_postgres(measure: Measure, folder: Path, scale: Scale) -> Result:
    with postgres_bed(folder) as bed:
        return _result(measure, bed, _half_rate(bed, scale), scale)


def _on_both(measure: Measure, folder: Path, scale: Scale) -> Result:
    with postgres_bed(folder / "alone") as bed:
        rate = _half_rate(bed, scale)
    with dual_bed(folder / "dual") as both:
        return _result(measure, both, rate, scale)


def _half_rate(bed: Bed, scale: Scale) -> float:
    """Half of the calls a second that are answered at most, PostgreSQL alone being written."""
    with Worker(ClosedLoad, bed.service.address, METHOD, scale.of(10_000, 500), CALLERS) as writers:
        writers.prepare(BEGIN)
        rates = [bed.from_empty(writers).rate for _ in range(3)]
    return median(rates) / 2


def _result(measure: Measure, bed: Bed, rate: float, scale: Scale) -> Result:
    calls = int(rate * scale.of(8, 1))
    _register(bed)
    with (
        Worker(PacedLoad, bed.service.address, METHOD, calls, rate) as writers,
        Worker(CommitLoad, bed.socket_folder, calls, rate) as commits,
    ):

        def run(worker: Worker, number: int) -> Run:
            # IoTDB keeps what each round wrote; so each has times of its own.
            worker.prepare(BEGIN + number * (calls // DEVICES + 1) * STEP)
            return bed.from_empty(worker)

        rounds = interleave(partial(run, writers), partial(run, commits), scale.rounds, CpuMeter(bed.processes))
    return _latency_result(measure, rounds, rate)


def _register(bed: Bed) -> None:
    """Let every device have its series: to make them takes IoTDB longer than all that follows."""
    with Worker(ClosedLoad, bed.service.address, METHOD, DEVICES, 8) as writers:
        writers.prepare(BEGIN - STEP)
        writers.run()


def _latency_result(measure: Measure, rounds: Sequence[Round], rate: float) -> Result:
    subjects, limits = [one.subject for one in rounds], [one.limit for one in rounds]
    ratios = [one.run.more["p99"] / limit.run.more["p99"] for one, limit in zip(subjects, limits, strict=True)]
    subject, limit = _percentiles(subjects), _percentiles(limits)
    return Result(
        measure.key,
        subject["p99"],
        limit["p99"],
        median(ratios),
        "ms",
        measure.goal,
        len(rounds),
        (min(ratios), max(ratios)),
        {"calls/s": rate, "subject": subject, "limit": limit},
    )


def _percentiles(samples: Sequence[Sample]) -> dict[str, Any]:
    """The median over the rounds of each percentile, in milliseconds."""
    return {name: median(one.run.more[name] for one in samples) for name in samples[0].run.more}


MEASURES = (
    Measure("unary_latency", _GOAL, _on_postgres),
    Measure("unary_latency_dual", _GOAL, _on_both),
)
