"""How long WriteTelemetry takes with the secondary killed, beside the same with it well."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from iotflow.telemetry import BlockingTelemetryClient
from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.local.postgres import LocalPostgres
from tests.bench.bed import DualBed, dual_bed
from tests.bench.cpu import CpuMeter
from tests.bench.generator.unary import PacedLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.paced import QUICK_CALLS, percentile_result, register, times_of_round
from tests.bench.records import METHOD
from tests.bench.result import Result
from tests.bench.rounds import interleave
from tests.bench.run import Run
from tests.bench.worker import LoadFailedError, Worker

#: Calls a second: what either store takes without a queue.
_RATE: Final = 200.0
#: What the service is patient for with its secondary by default.
_PATIENCE: Final = {"IOTFLOW_SECONDARY_PATIENCE_SECONDS": "5", "IOTFLOW_POSTGRES_TIMEOUT_SECONDS": "10"}
_RECOVERY_SECONDS: Final = 120.0

#: The secondary of a bed.
Secondary = Callable[[DualBed], LocalPostgres | LocalIotdb]


def _without_postgres(measure: Measure, folder: Path, scale: Scale) -> Result:
    return _take(measure, folder, scale, "DUAL_WRITE", lambda bed: bed.postgres)


def _without_iotdb(measure: Measure, folder: Path, scale: Scale) -> Result:
    return _take(measure, folder, scale, "READ_POSTGRES", lambda bed: bed.iotdb)


def _take(measure: Measure, folder: Path, scale: Scale, phase: str, secondary: Secondary) -> Result:
    calls = scale.of(int(8 * _RATE), QUICK_CALLS)
    with dual_bed(folder, scale, phase, **_PATIENCE) as bed:
        register(bed, scale)
        with Worker(PacedLoad, bed.service.address, METHOD, calls, _RATE) as writers:

            def well(number: int) -> Run:
                writers.prepare(times_of_round(2 * number, calls))
                return writers.run()

            def down(number: int) -> Run:
                writers.prepare(times_of_round(2 * number + 1, calls))
                secondary(bed).kill()
                run = writers.run()
                secondary(bed).start()
                _await_repair(bed.service.address)
                return run

            meter = CpuMeter({"server": [bed.service.process_id]})
            # A server that is killed takes longer to come back than all else here.
            rounds = interleave(down, well, scale.rounds, meter, thrown_away=scale.of(1, 0))
            return percentile_result(measure, rounds, "p95", _RATE)


def _await_repair(address: str) -> None:
    """Return once the secondary has what it missed."""
    deadline = time.monotonic() + _RECOVERY_SECONDS
    with BlockingTelemetryClient(address) as client:
        while any(not store.reachable or store.dirty_ranges for store in client.get_migration().stores):
            if time.monotonic() > deadline:
                raise LoadFailedError(f"the secondary is not repaired within {_RECOVERY_SECONDS:.0f} s")
            time.sleep(0.5)


_GOAL: Final = "ratio <= 1.1"
MEASURES = (
    Measure("secondary_down", _GOAL, _without_postgres),
    Measure("secondary_down_iotdb", _GOAL, _without_iotdb),
)
