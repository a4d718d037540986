"""Generated sets of points, each the same in every store, of which many questions are asked.

They come of writes that overwrite one another and of deletes, and are kept in plain Python too.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from iotflow_server.stores.batch import QUALITY_SERIES, Batch, Kind, is_metadata
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import MS, SECOND, Json, batch_of

DEVICES: Final = 4
NUMBERS: Final = ("x", "y", "n", "counter")
OTHERS: Final = ("state", "on", "config")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Clocks change in Berlin on the 29th, in New York on the 8th.
FIRST_DAY: Final = (datetime(2026, 3, 6, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
DAY: Final = 86_400 * SECOND
DAYS: Final = 27
_ODD: Final = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1e308, -1e308, 5e-324)

_MAKERS: Final[Mapping[str, Callable[[random.Random], Any]]] = {
    "x": lambda chance: chance.choice([*_ODD, *(chance.uniform(-1, 1) * 10 ** chance.randrange(9) for _ in range(60))]),
    "y": lambda chance: round(chance.gauss(20, 5), 2),
    "n": lambda chance: chance.choice([chance.randrange(-(2**60), 2**60), chance.randrange(-5, 5)]),
    "counter": lambda chance: chance.randrange(100),
    "state": lambda chance: chance.choice(["", "on", "off", "null", "é\U0001f321"]),
    "on": lambda chance: chance.random() < 0.5,
    "config": lambda chance: Json(json.dumps({"a": chance.randrange(2**70), "b": [chance.random()]})),
    "meta_line": lambda chance: chance.choice(["north", "south"]),
    QUALITY_SERIES: lambda chance: chance.randrange(-1, 3),
}

Value = tuple[Kind, Any]
#: The values of each series by their timestamps, ascending.
SeriesValues = Mapping[tuple[int, str], Mapping[int, Value]]


@dataclass(frozen=True)
class Step:
    """A write of one batch, or a delete; devices are numbered from 0."""

    written: Batch | None
    deleted: Selection | None = None


@dataclass
class Dataset:
    """What was written and not deleted. Devices are those of the stores."""

    devices: tuple[int, ...]
    values: dict[tuple[int, str], dict[int, Value]] = field(default_factory=dict)

    def apply(self, step: Step) -> None:
        """Do to the points what a step does."""
        if step.written is not None:
            for column in step.written.columns:
                points = self.values.setdefault((step.written.device_id, column.name), {})
                moments = column.timestamps(step.written.timestamps).tolist()
                points.update(zip(moments, ((column.kind, each) for each in column.values.tolist()), strict=True))
        if step.deleted is not None:
            for key, points in self.values.items():
                if _is_selected(step.deleted, key):
                    for moment in [each for each in points if _is_within(step.deleted.time_range, each)]:
                        del points[moment]

    def selected(self, selection: Selection, quality: frozenset[int] | None = None) -> SeriesValues:
        """The points of a selection whose records have one of the flags, series by device and name."""
        found = {}
        for key, points in sorted(self.values.items()):
            chosen = {
                moment: points[moment]
                for moment in sorted(points)
                if _is_within(selection.time_range, moment)
                and (quality is None or self.quality(key[0], moment) in quality)
            }
            if chosen and _is_selected(selection, key):
                found[key] = chosen
        return found

    def quality(self, device_id: int, moment: int) -> int:
        """The quality flag of a record."""
        flag: int = self.values.get((device_id, QUALITY_SERIES), {}).get(moment, (Kind.INTEGER, 0))[1]
        return flag

    def metadata(self, device_id: int, moment: int) -> dict[str, Value]:
        """The metadata of a record by key."""
        value = self.values.get((device_id, "meta_line"), {}).get(moment)
        return {} if value is None else {"line": value}


async def load(stores: Sequence[TelemetryStore], devices: tuple[int, ...], chance: random.Random) -> Dataset:
    """Make a set in stores: round by round, in which each device is written or loses points."""
    dataset = Dataset(devices)
    for steps in _rounds(chance):
        real = [_moved(step, devices) for step in steps]
        await asyncio.gather(*(_run(store, real) for store in stores))
        for step in real:
            dataset.apply(step)
    return dataset


async def _run(store: TelemetryStore, steps: Sequence[Step]) -> None:
    await store.write([step.written for step in steps if step.written is not None])
    for step in steps:
        if step.deleted is not None:
            await store.delete(step.deleted)


def _rounds(chance: random.Random) -> Iterator[list[Step]]:
    days = chance.choice([1, 4, DAYS, DAYS])
    moments = [sorted(_moments(chance, days, chance.randrange(2, 60))) for _ in range(DEVICES)]
    for number in range(chance.randrange(2, 8)):
        yield [_step(chance, device, moments[device], may_delete=number > 0) for device in range(DEVICES)]


def _step(chance: random.Random, device: int, moments: Sequence[int], *, may_delete: bool) -> Step:
    if not may_delete or chance.random() < 0.7:
        return Step(_batch(chance, device, moments))
    start = chance.choice(moments)
    gap = TimeRange(start, start + chance.choice([1, MS, 600 * SECOND, 3600 * SECOND, DAY, 2 * DAY]))
    return Step(None, Selection((device,), chance.choice([None, ("x", "state"), NUMBERS]), gap, Scope.DATA))


def _moments(chance: random.Random, days: int, singles: int) -> set[int]:
    """Moments of a device: bursts, single ones, and some before 1970."""
    first = FIRST_DAY + chance.randrange(DAYS - days + 1) * DAY
    found = {first + chance.randrange(days * DAY // MS) * MS for _ in range(singles)}
    for _ in range(chance.randrange(5)):
        burst = first + chance.randrange(days * 24) * 3600 * SECOND
        found |= {burst + number * chance.choice([MS, SECOND, 600 * SECOND]) for number in range(10)}
    return found | {-chance.randrange(DAY // MS) * MS for _ in range(chance.randrange(4))}


def _batch(chance: random.Random, device: int, moments: Sequence[int]) -> Batch:
    rows = sorted(chance.sample(moments, chance.randrange(1, len(moments) + 1)))
    cells = {
        name: [None if chance.random() < 0.3 else make(chance) for _ in rows]
        for name, make in _MAKERS.items()
        if chance.random() < 0.9
    }
    return batch_of(device, rows, {name: column for name, column in cells.items() if column != [None] * len(rows)})


def _moved(step: Step, devices: Sequence[int]) -> Step:
    written = step.written and replace(step.written, device_id=devices[step.written.device_id])
    deleted = step.deleted and replace(step.deleted, device_ids=(devices[step.deleted.device_ids[0]],))
    return Step(written, deleted)


def _is_selected(selection: Selection, key: tuple[int, str]) -> bool:
    device_id, name = key
    if device_id not in selection.device_ids or is_metadata(name):
        return False
    return selection.measurements is None or name in selection.measurements


def _is_within(time_range: TimeRange, moment: int) -> bool:
    return time_range.start <= moment < time_range.end
