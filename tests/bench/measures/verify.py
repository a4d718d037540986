"""Points a second that a verification compares, beside reading the same points raw from both stores, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.bed import dual_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import DEVICES_PER_GATEWAY, Fleet
from tests.bench.generator.backfilling import BackfillLoad
from tests.bench.generator.verifying import VerificationLoad
from tests.bench.history import History
from tests.bench.limits.column_reads import ColumnReadLoad
from tests.bench.limits.copying_out import CopyOutLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.backfill import fill_iotdb
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.run import Run
from tests.bench.worker import Worker

_WORKERS: Final = 2


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    fleet = Fleet(1, scale.of(100, 20), scale.of(10_000, 500))
    with (
        dual_bed(folder, scale) as bed,
        Worker(BackfillLoad, bed.service.address, fleet.points, _WORKERS) as backfill,
        Worker(VerificationLoad, bed.service.address, fleet.points, _WORKERS) as verification,
        Worker(ColumnReadLoad, bed.iotdb.host, bed.iotdb.port, fleet, _WORKERS) as columns,
        Worker(CopyOutLoad, bed.postgres.dsn, History(DEVICES_PER_GATEWAY)) as rows,
    ):
        fill_iotdb(bed, fleet)
        backfill.run()
        bed.execute("VACUUM (ANALYZE) telemetry_data")

        def both_raw(_: int) -> Run:
            one, other = columns.run(), rows.run()
            return Run(one.amount, one.seconds + other.seconds, one.cpu_seconds + other.cpu_seconds)

        rounds = interleave(lambda _: verification.run(), both_raw, scale.rounds, CpuMeter(bed.processes))
    return rate_result(measure, rounds, "points/s")


MEASURES = (Measure("verify", "ratio >= 0.80, or 1 M points/s", _take),)
