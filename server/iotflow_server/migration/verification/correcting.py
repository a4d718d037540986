"""Puts single points of the secondary right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from iotflow_server.migration.verification.comparing import Pair
from iotflow_server.migration.verification.differences import DifferenceKind, Differences, Place, differences_of
from iotflow_server.migration.verification.parts import selection_of
from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import Amendment, TelemetryStore


class Corrector(Protocol):
    """Makes points of the secondary equal those of the primary, whatever is written meanwhile."""

    async def correct(self, pair: Pair, device_id: int, wrong: Differences) -> None:
        """Put right those of these points that still differ; no other point is touched."""


#: Keeps deletes and other copies of a device away, through every instance (docs/adr/0014).
Lock = Callable[[int], AbstractAsyncContextManager[None]]
#: Comparisons of the points of one series, of which the last must find them equal.
_TRIES: Final = 5


class LockingCorrector:
    """Implements :class:`Corrector`: amends, as a repair does, and compares again until nothing is left to amend."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    async def correct(self, pair: Pair, device_id: int, wrong: Differences) -> None:
        """Put right those of these points that still differ as they did; no other point is touched."""
        for name in sorted({place.measurement for place in wrong}):
            of_series = {place: one for place, one in wrong.items() if place.measurement == name}
            async with self._lock(device_id):
                await _correct_series(pair, device_id, name, of_series)


async def _correct_series(pair: Pair, device_id: int, name: str, wrong: Differences) -> None:
    amended: set[Place] = set()
    for _ in range(_TRIES):
        mark = await pair.secondary.mark()
        series = await _read(pair, device_id, name, wrong)
        still = series.differences
        # What differs otherwise than it did is somebody's write under way, but where a copy has just been made.
        chosen = {place: one for place, one in still.items() if place in amended or wrong.get(place) == one}
        if not chosen or await _amend(pair.secondary, series, chosen, mark):
            return
        amended |= chosen.keys()


@dataclass(frozen=True)
class _Series:
    device_id: int
    name: str
    right: Sequence[Batch]
    there: Sequence[Batch]

    @property
    def differences(self) -> Differences:
        return differences_of(self.device_id, self.right, self.there)


async def _read(pair: Pair, device_id: int, name: str, wrong: Differences) -> _Series:
    moments = [place.timestamp for place in wrong]
    selection = selection_of(device_id, {name}, TimeRange(min(moments), max(moments) + 1))
    right = [batch async for batch in pair.primary.scan(selection)]
    there = [batch async for batch in pair.secondary.scan(selection)]
    return _Series(device_id, name, right, there)


async def _amend(secondary: TelemetryStore, series: _Series, chosen: Differences, mark: str) -> bool:
    """Whether all of it was done, and no write meanwhile undone by it."""
    extra = {place.timestamp for place, one in chosen.items() if one.kind is DifferenceKind.EXTRA}
    moments = {place.timestamp for place in chosen}
    wrong = (_within(batch, series.name, run) for run in _runs(series, extra) for batch in series.there)
    amendments = [Amendment(None, one, None) for one in wrong if one is not None]
    right = (_only(batch, series.name, moments) for batch in series.right)
    amendments += [Amendment(one, None, None) for one in right if one is not None]
    return all([await secondary.amend(amendment, mark) for amendment in amendments])


def _runs(series: _Series, extra: Collection[int]) -> Iterator[TimeRange]:
    """Ranges of all extra points and no others: to delete them one by one takes long."""
    found = [
        column.timestamps(batch.timestamps)
        for batch in series.there
        for column in batch.columns
        if _goes_with(series.name, column.name)
    ]
    timestamps = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    is_extra = np.isin(timestamps, np.array(sorted(extra), np.int64))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_extra, [False]]).astype(np.int8)))
    for first, end in edges.reshape(-1, 2).tolist():
        yield TimeRange(int(timestamps[first]), int(timestamps[end - 1]) + 1)


def _within(batch: Batch, name: str, time_range: TimeRange) -> Batch | None:
    """The points of a series in a range."""
    inside = (batch.timestamps >= time_range.start) & (batch.timestamps < time_range.end)
    return _only(batch, name, batch.timestamps[inside].tolist())


def _only(batch: Batch, name: str, moments: Collection[int]) -> Batch | None:
    """The points of a series at these moments."""
    chosen = np.isin(batch.timestamps, np.array(sorted(moments), np.int64))
    columns = (
        column.where(column.of_rows(chosen), len(chosen)) for column in batch.columns if _goes_with(name, column.name)
    )
    filled = tuple(column for column in columns if len(column))
    return Batch(batch.device_id, batch.timestamps, filled) if filled else None


def _goes_with(name: str, other: str) -> bool:
    """Whether one series is amended with the other: all metadata of a record is one thing."""
    return name == other or (is_metadata(name) and is_metadata(other))
