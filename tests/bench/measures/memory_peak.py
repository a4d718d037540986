"""The server's memory while gateways send as fast as they can, PostgreSQL answering or not."""

from __future__ import annotations

import re
import time
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from tests.bench.bed import Bed, postgres_bed
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.worker import Worker

#: Resets the greatest resident size of a process; see proc(5), clear_refs.
_RESET: Final = "5"
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    fleet = Fleet(16, scale.of(625, 20), 200)
    rounds = [_round(folder / str(number), fleet, scale) for number in range(scale.rounds)]
    peaks = [max(one["flowing"], one["frozen"]) for one in rounds]
    details = {name: [one[name] for one in rounds] for name in rounds[0]}
    spread = (min(peaks), max(peaks))
    return Result(measure.key, median(peaks), None, None, "MiB", measure.goal, len(rounds), spread, details)


def _round(folder: Path, fleet: Fleet, scale: Scale) -> dict[str, float]:
    """The peaks of a server that has just been started: what one run leaves behind is not to be told as another's."""
    folder.mkdir()
    with postgres_bed(folder) as bed, Worker(StreamLoad, bed.service.address, fleet, True) as gateways:
        gateways.prepare(BEGIN)
        before = _take_peak(bed)
        rate = gateways.run().rate
        _check(bed, fleet)
        flowing = _take_peak(bed)
        bed.empty()
        _run_while_frozen(bed, gateways, frozen_seconds=scale.of(30, 2))
        _check(bed, fleet)
        frozen = _take_peak(bed)
    return {"before": before, "flowing": flowing, "frozen": frozen, "points": fleet.points, "points/s": rate}


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


def _take_peak(bed: Bed) -> float:
    """Most MiB that were resident since the last call; of several processes, the sum of each one's most."""
    process = psutil.Process(bed.service.process_id)
    kilobytes = 0
    for one in (process, *process.children(recursive=True)):
        folder = Path(f"/proc/{one.pid}")
        found = _PEAK.search((folder / "status").read_text())
        kilobytes += int(found[1]) if found else 0
        (folder / "clear_refs").write_text(_RESET)
    return kilobytes / 1024


MEASURES = (Measure("memory_peak", "<= 400", _take),)
