"""The server's memory while gateways send as fast as they can, PostgreSQL answering or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from tests.bench.bed import Bed, postgres_bed
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.worker import Worker

_EVERY_SECONDS: Final = 0.02
_MIB: Final = 1 << 20


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    fleet = Fleet(16, scale.of(625, 20), 200)
    with postgres_bed(folder) as bed, Worker(StreamLoad, bed.service.address, fleet, True) as gateways:
        gateways.prepare(BEGIN)
        before = _resident(bed.service.process_id) / _MIB
        with _peak(bed.service.process_id) as flowing:
            rate = gateways.run().rate
        _check(bed, fleet)
        bed.empty()
        with _peak(bed.service.process_id) as frozen:
            _run_while_frozen(bed, gateways, frozen_seconds=scale.of(30, 2))
        _check(bed, fleet)
    peaks = (max(flowing) / _MIB, max(frozen) / _MIB)
    details = {"before": before, "flowing": peaks[0], "frozen": peaks[1], "points": fleet.points, "points/s": rate}
    return Result(measure.key, max(peaks), None, None, "MiB", measure.goal, 1, (min(peaks), max(peaks)), details)


def _run_while_frozen(bed: Bed, gateways: Worker, frozen_seconds: float) -> None:
    gateways.start()
    time.sleep(0.2)
    bed.postgres.freeze()
    time.sleep(frozen_seconds)
    bed.postgres.thaw()
    gateways.finish()


def _check(bed: Bed, fleet: Fleet) -> None:
    """Everything was acknowledged; so all of it must be there."""
    count = bed.count()
    if count != fleet.points:
        raise AssertionError(f"{fleet.points} points were acknowledged, {count} are there")


@contextmanager
def _peak(process_id: int) -> Iterator[list[int]]:
    """Sample a process's resident bytes, its children's included, during the block."""
    samples: list[int] = []
    is_over = threading.Event()

    def sample() -> None:
        while not is_over.wait(_EVERY_SECONDS):
            samples.append(_resident(process_id))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield samples
    finally:
        is_over.set()
        sampler.join()


def _resident(process_id: int) -> int:
    process = psutil.Process(process_id)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


MEASURES = (Measure("memory_peak", "<= 400", _take),)
