"""How long aggregates by the hour take 16 callers, beside the same ones computed of points."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.cpu import CpuMeter
from tests.bench.generator.querying import QueryLoad
from tests.bench.history import History, history_bed
from tests.bench.limits.points import PointsLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.queries import CALLERS, DEVICES, QUICK_DEVICES, latency_result
from tests.bench.result import Result
from tests.bench.rounds import interleave
from tests.bench.worker import Worker

#: Queries a round.
_COUNTS: Final = {"aggregate_30d_1h": 1_000, "aggregate_fleet_1d": 5 * CALLERS}
#: Of those, how many are computed of points.
_FEW: Final = {"aggregate_30d_1h": 200, "aggregate_fleet_1d": CALLERS}


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    history = History(scale.of(DEVICES, QUICK_DEVICES))
    count, few = (scale.of(counts[measure.key], 2 * CALLERS) for counts in (_COUNTS, _FEW))
    with (
        history_bed(folder, history) as bed,
        Worker(QueryLoad, bed.service.address, measure.key, history, count, CALLERS) as queries,
        Worker(PointsLoad, bed.postgres.dsn, measure.key, history, few, CALLERS) as points,
    ):
        rounds = interleave(lambda _: queries.run(), lambda _: points.run(), scale.rounds, CpuMeter(bed.processes))
    return latency_result(measure, rounds)


MEASURES = (
    Measure("aggregate_30d_1h", "ratio <= 0.1, value < 15", _take),
    Measure("aggregate_fleet_1d", "value < 100", _take),
)
