"""How long aggregates by the hour take 16 callers, beside SQL that makes them of the points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench.cpu import CpuMeter
from tests.bench.generator.querying import QueryLoad
from tests.bench.history import History, history_bed
from tests.bench.limits.windows import WindowsLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.queries import CALLERS, DEVICES, QUICK_DEVICES, latency_result
from tests.bench.result import Result
from tests.bench.rounds import interleave
from tests.bench.worker import Worker

#: Queries a round.
_COUNTS: Final = {"aggregate_30d_1h": 1_000, "aggregate_30d_1h_sparse": 1_000, "aggregate_fleet_1d": 5 * CALLERS}
#: Of those, how many are computed by SQL.
_FEW: Final = {"aggregate_30d_1h": 2 * CALLERS, "aggregate_30d_1h_sparse": 200, "aggregate_fleet_1d": CALLERS}
#: Asks the service for the same without figures of hours.
_OF_POINTS: Final = "aggregate_30d_of_points"


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    history = History(scale.of(DEVICES, QUICK_DEVICES))
    count, few = (scale.of(counts[measure.key], 2 * CALLERS) for counts in (_COUNTS, _FEW))
    with (
        history_bed(folder, history) as bed,
        Worker(QueryLoad, bed.service.address, measure.key, history, count, CALLERS) as queries,
        Worker(WindowsLoad, bed.postgres.dsn, measure.key, history, few, CALLERS) as points,
    ):
        rounds = interleave(lambda _: queries.run(), lambda _: points.run(), scale.rounds, CpuMeter(bed.processes))
        with Worker(QueryLoad, bed.service.address, _OF_POINTS, history, CALLERS, CALLERS) as others:
            of_points = others.run()
    result = latency_result(measure, rounds)
    return replace(result, details={**result.details, "30_dense_days_of_points_through_the_service": of_points.more})


MEASURES = (
    Measure("aggregate_30d_1h", "ratio <= 0.1, value < 15", _take),
    Measure("aggregate_30d_1h_sparse", "value < 15", _take),
    Measure("aggregate_fleet_1d", "value < 100", _take),
)
