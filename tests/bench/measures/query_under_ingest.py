"""How much longer queries take while gateways stream at half of what PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Final

from iotflow_server.ingest.committer import FLUSHES_IN_FLIGHT
from tests.bench.bed import Bed
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.querying import QueryLoad
from tests.bench.generator.steady import SteadyLoad
from tests.bench.generator.stream import StreamLoad
from tests.bench.history import History, history_bed
from tests.bench.limits.copying import CopyLoad
from tests.bench.measure import Measure, Scale
from tests.bench.measures.queries import CALLERS, DEVICES, QUICK_DEVICES
from tests.bench.result import Result
from tests.bench.run import Run
from tests.bench.worker import Worker

#: Devices that no query is about, and a month that the history ends before.
_FIRST_DEVICE: Final = 1_000_001
_EMPTY: Final = f"TRUNCATE telemetry_data_{datetime.fromtimestamp(BEGIN / 1e6, UTC):%Y_%m}"
#: What is asked, and how often a round.
_QUERIES: Final = {
    "query_latest_device": 400,
    "query_range_1h": 400,
    "query_page_user": 400,
    "aggregate_30d_1h": 400,
    "aggregate_fleet_1d": 5 * CALLERS,
}

#: p95 in milliseconds, by kind of query.
Times = Mapping[str, float]


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    history = History(scale.of(DEVICES, QUICK_DEVICES))
    counts = {key: scale.of(count, 2 * CALLERS) for key, count in _QUERIES.items()}
    with history_bed(folder, history) as bed, _askers(bed, history, counts) as askers:
        rate = _half_rate(bed, scale)
        quiet, busy, rates = list[Times](), list[Times](), list[float]()
        for _ in range(scale.rounds + 1):
            quiet.append(_times(askers))
            times, ingest = _times_under_ingest(bed, askers, rate)
            busy.append(times)
            rates.append(ingest.rate)
    return _result(measure, quiet[1:], busy[1:], {"wanted": rate, "reached": median(rates[1:])})


@contextmanager
def _askers(bed: Bed, history: History, counts: Mapping[str, int]) -> Iterator[Mapping[str, Worker]]:
    workers = {
        key: Worker(QueryLoad, bed.service.address, key, history, count, CALLERS) for key, count in counts.items()
    }
    try:
        yield workers
    finally:
        for worker in workers.values():
            worker.__exit__()


def _times(askers: Mapping[str, Worker]) -> Times:
    return {key: worker.run().more["p95"] for key, worker in askers.items()}


def _times_under_ingest(bed: Bed, askers: Mapping[str, Worker], rate: float) -> tuple[Times, Run]:
    stop: Event = get_context("spawn").Event()
    fleet = Fleet(4, 1, 2_000, first_device=_FIRST_DEVICE)
    with Worker(SteadyLoad, bed.service.address, fleet, rate, stop) as gateways:
        gateways.prepare(BEGIN)
        gateways.start()
        try:
            times = _times(askers)
        finally:
            stop.set()
            ingest = gateways.finish()
    bed.execute(_EMPTY)
    return times, ingest


def _half_rate(bed: Bed, scale: Scale) -> float:
    """Half of the points a second that a bare COPY reaches."""
    fleet = Fleet(4, scale.of(100, 2), 2_000, first_device=_FIRST_DEVICE)
    # What is written first makes the partition.
    for load in ((StreamLoad, bed.service.address, fleet), (CopyLoad, bed.socket_folder, fleet, FLUSHES_IN_FLIGHT)):
        with Worker(*load) as worker:
            worker.prepare(BEGIN)
            run = worker.run()
        bed.execute(_EMPTY)
    return run.rate / 2


def _result(measure: Measure, quiet: Sequence[Times], busy: Sequence[Times], ingest: Mapping[str, float]) -> Result:
    """The result of the kind of query that suffers most; all of them are told too."""
    ratios = {key: [late[key] / calm[key] for calm, late in zip(quiet, busy, strict=True)] for key in _QUERIES}
    worst = max(ratios, key=lambda key: median(ratios[key]))
    kinds = {
        key: {
            "quiet_p95": median(one[key] for one in quiet),
            "busy_p95": median(one[key] for one in busy),
            "ratio": median(ratios[key]),
        }
        for key in _QUERIES
    }
    return Result(
        measure.key,
        kinds[worst]["busy_p95"],
        kinds[worst]["quiet_p95"],
        kinds[worst]["ratio"],
        "ms",
        measure.goal,
        len(quiet),
        (min(ratios[worst]), max(ratios[worst])),
        {"worst": worst, "kinds": kinds, "ingest_points_per_second": ingest},
    )


MEASURES = (Measure("query_under_ingest", "ratio <= 2", _take),)
