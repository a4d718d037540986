"""How long queries of a year's history take 16 callers, beside the same statements bare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.cpu import CpuMeter
from tests.bench.generator.querying import QueryLoad
from tests.bench.history import History, history_bed
from tests.bench.limits.reading import StatementLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.rounds import Round, Sample, interleave
from tests.bench.worker import Worker

CALLERS: Final = 16
DEVICES: Final = 1_000
QUICK_DEVICES: Final = 10
#: Queries a round.
_COUNTS: Final = {"query_latest_device": 10_000, "query_range_1h": 4_000, "query_page_user": 1_000}


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    history, count = History(scale.of(DEVICES, QUICK_DEVICES)), scale.of(_COUNTS[measure.key], 2 * CALLERS)
    with (
        history_bed(folder, history) as bed,
        Worker(QueryLoad, bed.service.address, measure.key, history, count, CALLERS) as queries,
        Worker(StatementLoad, bed.postgres.dsn, measure.key, history, count, CALLERS) as statements,
    ):
        rounds = interleave(lambda _: queries.run(), lambda _: statements.run(), scale.rounds, CpuMeter(bed.processes))
    return latency_result(measure, rounds)


def latency_result(measure: Measure, rounds: Sequence[Round]) -> Result:
    """The 95th percentile, and how it compares with that of the limit."""
    ratios = [one.subject.run.more["p95"] / one.limit.run.more["p95"] for one in rounds]
    subject, limit = _details([one.subject for one in rounds]), _details([one.limit for one in rounds])
    return Result(
        measure.key,
        subject["p95"],
        limit["p95"],
        median(ratios),
        "ms",
        measure.goal,
        len(rounds),
        (min(ratios), max(ratios)),
        {"subject": subject, "limit": limit},
    )


def _details(samples: Sequence[Sample]) -> dict[str, Any]:
    """Medians over the rounds: percentiles and CPU time of each process for a query, all in milliseconds."""
    percentiles = {name: median(one.run.more[name] for one in samples) for name in samples[0].run.more}
    cpu = {name: median(1000 * one.cpu[name] / one.run.amount for one in samples) for name in samples[0].cpu}
    return {**percentiles, "cpu": cpu}


MEASURES = (
    Measure("query_latest_device", "ratio <= 1.5, value < 5", _take),
    Measure("query_range_1h", "ratio <= 1.5, value < 10", _take),
    Measure("query_page_user", "ratio <= 1.5, value < 25", _take),
)
