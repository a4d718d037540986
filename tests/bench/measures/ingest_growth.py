"""Whether a large table slows ingest: the rate on one beside that on an empty one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.bed import Bed, postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.limits.copying import CopyLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.run import Run
from tests.bench.worker import Worker

#: 1,000 devices of five series.
_GATEWAYS: Final = 100
_CONNECTIONS: Final = 2


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    fleet = Fleet(_GATEWAYS, 10, scale.of(200, 20))
    fills = scale.of(50, 2)
    with postgres_bed(folder / "large") as large, postgres_bed(folder / "small") as small:
        _make_partition(large)
        _fill(large, fleet, fills)
        with (
            Worker(StreamLoad, large.service.address, fleet) as to_large,
            Worker(StreamLoad, small.service.address, fleet) as to_small,
        ):

            def on_large(number: int) -> Run:
                to_large.prepare(BEGIN + (fills + number) * fleet.row_span)
                large.execute("CHECKPOINT")
                return to_large.run()

            def on_small(number: int) -> Run:
                to_small.prepare(BEGIN + (fills + number) * fleet.row_span)
                return small.from_empty(to_small)

            both = {name: large.processes[name] + small.processes[name] for name in large.processes}
            rounds = interleave(on_large, on_small, scale.rounds, CpuMeter(both))
    return rate_result(measure, rounds, "points/s", rows=fills * fleet.points)


def _make_partition(bed: Bed) -> None:
    """COPY alone makes none; the service makes them with the first point."""
    with Worker(StreamLoad, bed.service.address, Fleet(1, 1, 1)) as gateway:
        gateway.prepare(BEGIN)
        gateway.run()
    bed.empty()


def _fill(bed: Bed, fleet: Fleet, fills: int) -> None:
    with Worker(CopyLoad, bed.socket_folder, fleet, _CONNECTIONS) as copies:
        for number in range(fills):
            copies.prepare(BEGIN + number * fleet.row_span)
            copies.run()
    bed.execute("VACUUM ANALYZE telemetry_data")


MEASURES = (Measure("ingest_growth", "ratio >= 0.85", _take),)
