"""Points a second that gateways get acknowledged as durable in PostgreSQL, beside COPY alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from iotflow_server.ingest.committer import FLUSHES_IN_FLIGHT
from tests.bench.bed import postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.limits.copying import CopyLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.worker import Worker


def _stream(measure: Measure, folder: Path, scale: Scale, *, fleet: Fleet, quick: Fleet) -> Result:
    chosen = quick if scale.is_quick else fleet
    with (
        postgres_bed(folder) as bed,
        Worker(StreamLoad, bed.service.address, chosen) as gateways,
        Worker(CopyLoad, bed.socket_folder, chosen, FLUSHES_IN_FLIGHT) as copies,
    ):
        gateways.prepare(BEGIN)
        copies.prepare(BEGIN)
        meter = CpuMeter(bed.processes)
        rounds = interleave(lambda _: bed.from_empty(gateways), lambda _: bed.from_empty(copies), scale.rounds, meter)
    return rate_result(measure, rounds, "points/s")


def _measure(key: str, goal: str, fleet: Fleet, quick: Fleet) -> Measure:
    return Measure(key, goal, partial(_stream, fleet=fleet, quick=quick))


MEASURES = (
    _measure("ingest_stream_postgres_10k", "ratio >= 0.95", Fleet(4, 40, 2_000), Fleet(4, 2, 2_000)),
    _measure("ingest_stream_postgres_1k", "ratio >= 0.92", Fleet(4, 400, 200), Fleet(4, 10, 200)),
    _measure("ingest_stream_postgres_100", "ratio >= 0.75", Fleet(50, 320, 20), Fleet(20, 10, 20)),
    _measure("ingest_stream_small", "ratio >= 0.25", Fleet(200, 400, 2), Fleet(40, 10, 2)),
)
