"""Points a second that a backfill carries from IoTDB to PostgreSQL, beside the slower of reading them raw and copying
them raw."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from iotflow_server.config import IotdbSettings
from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.bench.bed import DualBed, dual_bed
from tests.bench.cpu import CpuMeter
from tests.bench.fleet import BEGIN, DEVICES_PER_GATEWAY, Fleet
from tests.bench.generator.backfilling import BackfillLoad
from tests.bench.limits.column_reads import ColumnReadLoad
from tests.bench.limits.copying import CopyLoad
from tests.bench.limits.tablets import TabletLoad
from tests.bench.measure import Measure, Scale
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
        Worker(ColumnReadLoad, bed.iotdb.host, bed.iotdb.port, fleet, _WORKERS) as reads,
        Worker(CopyLoad, bed.socket_folder, fleet, _WORKERS) as copies,
    ):
        fill_iotdb(bed, fleet)
        copies.prepare(BEGIN)

        def slower_raw(number: int) -> Run:
            return min(reads.run(), bed.from_empty(copies), key=lambda run: run.rate)

        rounds = interleave(lambda _: bed.from_empty(backfill), slower_raw, scale.rounds, CpuMeter(bed.processes))
    return rate_result(measure, rounds, "points/s")


def fill_iotdb(bed: DualBed, fleet: Fleet) -> None:
    """Write the fleet's history into IoTDB, and flush it: history lies in files."""
    asyncio.run(_make_series(bed.iotdb, fleet))
    tablets = TabletLoad(bed.iotdb.host, bed.iotdb.port, fleet, _WORKERS)
    tablets.prepare(BEGIN)
    tablets.run()
    tablets.flush()
    tablets.close()


async def _make_series(iotdb: LocalIotdb, fleet: Fleet) -> None:
    """By the service's own first write, which chooses encodings that change nothing."""
    store = IotdbStore(IotdbSettings(host=iotdb.host, port=iotdb.port), lambda _: 0)
    for batch in fleet.batches(BEGIN)[:DEVICES_PER_GATEWAY]:
        await store.write([batch])
    await store.close()


MEASURES = (Measure("backfill", "ratio >= 0.85", _take),)
