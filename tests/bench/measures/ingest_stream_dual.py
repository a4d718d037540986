"""Points a second acknowledged as durable in both stores, beside raw writers of both at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import grpc

from iotflow.telemetry.v1.migration_service_pb2 import GetMigrationRequest
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceStub
from iotflow_server.ingest.committer import FLUSHES_IN_FLIGHT
from tests.bench.bed import dual_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.limits.copying import CopyLoad
from tests.bench.limits.tablets import TabletLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.rounds import interleave, rate_result
from tests.bench.run import Run
from tests.bench.worker import Worker, together

_SESSIONS: Final = 2


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    fleet = Fleet(4, scale.of(40, 4), 2_000)
    with (
        dual_bed(folder, scale) as bed,
        Worker(StreamLoad, bed.service.address, fleet) as gateways,
        Worker(CopyLoad, bed.socket_folder, fleet, FLUSHES_IN_FLIGHT) as copies,
        Worker(TabletLoad, bed.iotdb.host, bed.iotdb.port, fleet, _SESSIONS) as tablets,
    ):

        def both_by_gateways(number: int) -> Run:
            gateways.prepare(BEGIN + 2 * number * fleet.row_span)
            return bed.from_empty(gateways)

        def both_raw(number: int) -> Run:
            # IoTDB keeps what each round wrote; so each has times of its own.
            begin = BEGIN + (2 * number + 1) * fleet.row_span
            copies.prepare(begin)
            tablets.prepare(begin)
            bed.empty()
            return together(copies, tablets)

        rounds = interleave(both_by_gateways, both_raw, scale.rounds, CpuMeter(bed.processes))
        dirty = _dirty_ranges(bed.service.address)
    return rate_result(measure, rounds, "points/s", dirty_ranges=dirty)


def _dirty_ranges(address: str) -> int:
    """Ranges that one store still lacks: what was acknowledged without being in both."""
    with grpc.insecure_channel(address) as channel:
        answer = MigrationServiceStub(channel).GetMigration(GetMigrationRequest(), timeout=10)
    return sum(store.dirty_ranges for store in answer.migration.stores)


MEASURES = (Measure("ingest_stream_dual", "ratio >= 0.85", _take),)
