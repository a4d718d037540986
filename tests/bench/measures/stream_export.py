"""How fast ten million points leave by QueryTelemetryStream, beside a bare binary COPY of the same rows."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.cpu import CpuMeter
from tests.bench.generator.exporting import ExportLoad
from tests.bench.history import History, history_bed
from tests.bench.limits.copying_out import CopyOutLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.worker import Worker

#: They have 10.4 million points.
_DEVICES: Final = 100
_QUICK_DEVICES: Final = 10


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    history = History(scale.of(_DEVICES, _QUICK_DEVICES))
    with (
        history_bed(folder, history) as bed,
        Worker(ExportLoad, bed.service.address, bed.service.process_id, history) as export,
        Worker(CopyOutLoad, bed.postgres.dsn, history) as copy,
    ):
        rounds = interleave(lambda _: export.run(), lambda _: copy.run(), scale.rounds, CpuMeter(bed.processes))
    memory = median(one.subject.run.more["MiB"] for one in rounds)
    return rate_result(measure, rounds, "points/s", server_peak_mib=memory)


MEASURES = (Measure("stream_export", "ratio >= 0.60", _take),)
