"""Compares a range of a device in both stores: by digests first, point by point where these differ."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final

from iotflow_server.migration.difference import series_of
from iotflow_server.migration.jobs.work import JobControl
from iotflow_server.migration.verification.differences import Differences, differences_of
from iotflow_server.migration.verification.parts import before, first_pages, first_part, selection_of
from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.digest import Digesting, digest_of
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
    """A part of a range, compared: ``points`` that either store has there, at least; metadata counts too."""

    time_range: TimeRange
    points: int
    differences: Differences


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

    async def buckets(self, device_id: int, time_range: TimeRange) -> AsyncIterator[Bucket]:
        """Go through a range, bucket by bucket."""
        start = time_range.start
        while start < time_range.end:
            bucket = await self._bucket(device_id, TimeRange(start, time_range.end))
            yield bucket
            start = bucket.time_range.end

    async def _bucket(self, device_id: int, time_range: TimeRange) -> Bucket:
        names = None if self._names is None else tuple(sorted(self._names))
        batches, end = await first_pages(self._history, Part(device_id, time_range, names), BUCKET_POINTS)
        part = TimeRange(time_range.start, end)
        points = _count(batches)
        await self._control.pace(StoreName.IOTDB, points)
        suspects, there = await self._suspects(device_id, batches, part)
        await self._control.pace(StoreName.POSTGRES, there)
        if not suspects:
            return Bucket(part, max(points, there), {})
        differences, end = await self.differences(device_id, suspects, part)
        return Bucket(TimeRange(part.start, end), max(points, there), differences)

    async def _suspects(self, device_id: int, batches: list[Batch], part: TimeRange) -> tuple[set[str], int]:
        """The series whose digests differ or that have none, and the points that PostgreSQL has."""
        here: dict[str, bytes] = {}
        counts: dict[str, int] = {}
        for (name, kind), (timestamps, values) in series_of(batches).items():
            here[name] = b"" if name in here else digest_of(timestamps, kind, values)
            counts[name] = counts.get(name, 0) + len(timestamps)
        found = await self._digesting.digests(device_id, part, max([*counts.values(), 0]) + 1)
        there = {name: one for name, one in found.items() if self._is_wanted(name)}
        suspects = {
            name
            for name in here.keys() | there.keys()
            if name not in there or not here.get(name) or there[name].digest != here[name]
        }
        return suspects, sum(one.points for one in there.values())

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


def _count(batches: list[Batch]) -> int:
    return sum(len(column) for batch in batches for column in batch.columns)
