"""Puts single points of the secondary right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

import numpy as np

from iotflow_server.migration.verification.comparing import Pair
from iotflow_server.migration.verification.differences import DifferenceKind, Differences, differences_of
from iotflow_server.migration.verification.parts import selection_of
from iotflow_server.stores.batch import Batch, Timestamps, is_metadata
from iotflow_server.stores.selection import Scope, Selection, TimeRange


class Corrector(Protocol):
    """Makes points of the secondary equal those of the primary, whatever is written meanwhile."""

    async def correct(self, pair: Pair, device_id: int, wrong: Differences) -> None:
        """Put right those of these points that still differ; no other point is touched."""


#: Keeps writes and deletes of a device away.
Hold = Callable[[int], AbstractAsyncContextManager[None]]


class HoldingCorrector:
    """Implements :class:`Corrector` where writes to a device can be kept away meanwhile."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    async def correct(self, pair: Pair, device_id: int, wrong: Differences) -> None:
        """Put right those of these points that still differ as they did; no other point is touched."""
        for name in sorted({place.measurement for place in wrong}):
            of_series = {place: one for place, one in wrong.items() if place.measurement == name}
            async with self._hold(device_id):
                await _correct_series(pair, device_id, name, of_series)


async def _correct_series(pair: Pair, device_id: int, name: str, wrong: Differences) -> None:
    moments = [place.timestamp for place in wrong]
    selection = selection_of(device_id, {name}, TimeRange(min(moments), max(moments) + 1))
    right = [batch async for batch in pair.primary.scan(selection)]
    there = [batch async for batch in pair.secondary.scan(selection)]
    still = differences_of(device_id, right, there)
    same = {place: one for place, one in wrong.items() if still.get(place) == one}
    extra = {place.timestamp for place, one in same.items() if one.kind is DifferenceKind.EXTRA}
    for time_range in _runs(_timestamps(there, name), extra):
        await pair.secondary.delete(replace(_one(selection, name), time_range=time_range))
    chosen = {place.timestamp for place in same} if not is_metadata(name) or not extra else set(moments)
    if points := [part for batch in right if (part := _only(batch, name, chosen)) is not None]:
        await pair.secondary.write(points)


def _one(selection: Selection, name: str) -> Selection:
    """What is deleted: a series, or all metadata of a record, which is one thing."""
    return replace(selection, scope=Scope.METADATA if is_metadata(name) else Scope.DATA)


def _timestamps(batches: Sequence[Batch], name: str) -> Timestamps:
    found = [c.timestamps(batch.timestamps) for batch in batches for c in batch.columns if c.name == name]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def _runs(timestamps: Timestamps, extra: Collection[int]) -> Iterator[TimeRange]:
    """Ranges of all extra points and no others: to delete them one by one takes long."""
    is_extra = np.isin(timestamps, np.array(sorted(extra), np.int64))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_extra, [False]]).astype(np.int8)))
    for first, end in edges.reshape(-1, 2).tolist():
        yield TimeRange(int(timestamps[first]), int(timestamps[end - 1]) + 1)


def _only(batch: Batch, name: str, moments: Collection[int]) -> Batch | None:
    """The points of a series at these moments."""
    chosen = np.isin(batch.timestamps, np.array(sorted(moments), np.int64))
    columns = (
        column.where(column.of_rows(chosen), len(chosen))
        for column in batch.columns
        if column.name == name or (is_metadata(name) and is_metadata(column.name))
    )
    filled = tuple(column for column in columns if len(column))
    return Batch(batch.device_id, batch.timestamps, filled) if filled else None
