"""Points a second acknowledged where every point is there already with another value, beside a raw upsert."""

from __future__ import annotations

from pathlib import Path

from iotflow_server.ingest.committer import FLUSHES_IN_FLIGHT
from tests.bench.bed import postgres_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.limits.copying import CopyLoad
from tests.bench.limits.overwriting import OverwriteLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.run import Run
from tests.bench.worker import Worker


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    old = Fleet(4, scale.of(100, 10), 200)
    new = Fleet(old.gateways, old.messages, old.rows, variant=1)
    with (
        postgres_bed(folder) as bed,
        Worker(StreamLoad, bed.service.address, new) as gateways,
        Worker(OverwriteLoad, bed.socket_folder, new, FLUSHES_IN_FLIGHT) as upserts,
        Worker(CopyLoad, bed.socket_folder, old, FLUSHES_IN_FLIGHT) as copies,
    ):
        for worker in (gateways, upserts, copies):
            worker.prepare(BEGIN)
        # The first points make the partition, which COPY alone does not.
        gateways.run()

        def over_old(worker: Worker) -> Run:
            bed.from_empty(copies)
            bed.execute("CHECKPOINT")
            return worker.run()

        rounds = interleave(
            lambda _: over_old(gateways), lambda _: over_old(upserts), scale.rounds, CpuMeter(bed.processes)
        )
        count = bed.count()
    if count != new.points:
        raise AssertionError(f"{new.points} points were written over, {count} are there")
    return rate_result(measure, rounds, "points/s")


MEASURES = (Measure("ingest_overwrite", "ratio >= 0.90", _take),)
