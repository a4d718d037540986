"""Compares a range of a device in both stores: by digests first, point by point where these differ."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from iotflow_server.migration.backfill.read_ahead import read_ahead
from iotflow_server.migration.jobs.work import JobControl
from iotflow_server.migration.verification.differences import Differences, differences_of
from iotflow_server.migration.verification.parts import before, first_pages, first_part, selection_of
from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.closing import closing
from iotflow_server.stores.digest import Digesting, SeriesDigest, digests_of
from iotflow_server.stores.history import History, Part
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import TelemetryStore

#: Points of one bucket: what is digested at once, over all series of a device.
BUCKET_POINTS: Final = 200_000
#: Points read at once of either store where they are compared one by one.
_PART_POINTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Both stores of a comparison. ``primary`` is the one that is right."""

    primary: TelemetryStore
    secondary: TelemetryStore


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some of a part, compared: ``points`` that either store has there, at least; metadata counts too."""

    part: Part
    points: int
    differences: Differences


@dataclass(frozen=True, slots=True)
class _Read:
    """What IoTDB has of a part in a range within it."""

    part: Part
    time_range: TimeRange
    batches: list[Batch]


class Comparison:
    """Compares the series of ``names`` (None: all). Metadata is compared whatever the names."""

    def __init__(
        self,
        pair: Pair,
        history: History,
        digesting: Digesting,
        control: JobControl,
        names: Collection[str] | None = None,
    ) -> None:
        self._pair = pair
        self._history = history
        self._digesting = digesting
        self._control = control
        self._names = None if names is None else set(names)

    async def buckets(self, parts: Iterable[Part]) -> AsyncIterator[Bucket]:
        """Go through parts of devices, bucket by bucket; while one is compared, IoTDB's side of the next is read."""
        async with closing(read_ahead(self._read(parts))) as reads:
            async for read in reads:
                async with closing(self._compared(read)) as buckets:
                    async for bucket in buckets:
                        yield bucket

    async def _read(self, parts: Iterable[Part]) -> AsyncIterator[_Read]:
        names = None if self._names is None else tuple(sorted(self._names))
        for part in parts:
            start = part.time_range.start
            while start < part.time_range.end:
                rest = Part(part.device_id, TimeRange(start, part.time_range.end), names)
                batches, end = await first_pages(self._history, rest, BUCKET_POINTS)
                await self._control.pace(StoreName.IOTDB, _count(batches))
                yield _Read(part, TimeRange(start, end), batches)
                start = end

    async def _compared(self, read: _Read) -> AsyncIterator[Bucket]:
        suspects, points = await self._suspects(read)
        start, end = read.time_range.start, read.time_range.end
        if not suspects:
            yield Bucket(read.part, points, {})
            return
        while start < end:
            differences, start = await self.differences(read.part.device_id, suspects, TimeRange(start, end))
            yield Bucket(read.part, points, differences)
            points = 0

    async def _suspects(self, read: _Read) -> tuple[set[str], int]:
        """The series whose digests differ or that have none, and the points that either store has, at least."""
        found, here = await asyncio.gather(
            self._digesting.digests(read.part.device_id, read.time_range, _most_of_a_series(read.batches) + 1),
            asyncio.to_thread(digests_of, read.batches),
        )
        there = {name: one for name, one in found.items() if self._is_wanted(name)}
        suspects = {name for name in here.keys() | there.keys() if not _are_alike(here.get(name), there.get(name))}
        points = sum(one.points for one in there.values())
        await self._control.pace(StoreName.POSTGRES, points)
        return suspects, max(points, _count(read.batches))

    async def differences(
        self, device_id: int, names: Collection[str], time_range: TimeRange
    ) -> tuple[Differences, int]:
        """Compare series of a device point by point, up to the end or to where very many differ; return up to where."""
        found: Differences = {}
        start = time_range.start
        while start < time_range.end and len(found) < _PART_POINTS:
            selection = selection_of(device_id, names, TimeRange(start, time_range.end))
            primary, end = await first_part(self._pair.primary, selection, _PART_POINTS)
            await self._control.pace(self._pair.primary.name, _count(primary))
            selection = selection_of(device_id, names, TimeRange(start, end))
            secondary, start = await first_part(self._pair.secondary, selection, _PART_POINTS)
            await self._control.pace(self._pair.secondary.name, _count(secondary))
            found |= differences_of(device_id, before(primary, start), secondary)
        return found, start

    def _is_wanted(self, name: str) -> bool:
        return self._names is None or name in self._names or is_metadata(name)


def _most_of_a_series(batches: Iterable[Batch]) -> int:
    counts: Counter[str] = Counter()
    for batch in batches:
        counts.update({column.name: len(column) for column in batch.columns})
    return max(counts.values(), default=0)


def _are_alike(one: SeriesDigest | None, other: SeriesDigest | None) -> bool:
    return one is not None and other is not None and bool(one.digest) and one.digest == other.digest


def _count(batches: list[Batch]) -> int:
    return sum(len(column) for batch in batches for column in batch.columns)
