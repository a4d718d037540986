"""What measures of latency at a given rate share."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from tests.bench.bed import Bed
from tests.bench.fleet import BEGIN, STEP
from tests.bench.generator.unary import ClosedLoad
from tests.bench.measure import Measure, Scale
from tests.bench.records import DEVICES, METHOD
from tests.bench.result import Result
from tests.bench.rounds import Round, Sample
from tests.bench.worker import Worker

#: Calls of a round that only shows that the measure works.
QUICK_CALLS: Final = 60


def register(bed: Bed, scale: Scale) -> None:
    """Let every device have its series: to make them takes IoTDB longer than all that follows."""
    with Worker(ClosedLoad, bed.service.address, METHOD, scale.of(DEVICES, QUICK_CALLS), 8) as writers:
        writers.prepare(BEGIN - STEP)
        writers.run()


def times_of_round(number: int, calls: int) -> int:
    """The first timestamp of a round. IoTDB keeps what each round wrote; so each has times of its own."""
    return BEGIN + (number + 1) * (calls // DEVICES + 1) * STEP


def percentile_result(measure: Measure, rounds: Sequence[Round], percentile: str, rate: float) -> Result:
    """The result of a measure whose value and limit are a percentile ("p95") of what calls take."""
    subjects, limits = [one.subject for one in rounds], [one.limit for one in rounds]
    ratios = [
        one.run.more[percentile] / limit.run.more[percentile] for one, limit in zip(subjects, limits, strict=True)
    ]
    subject, limit = _percentiles(subjects), _percentiles(limits)
    return Result(
        measure.key,
        subject[percentile],
        limit[percentile],
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
