"""All that the files of a stopped IoTDB hold; implements stores.history.History."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from iotflow_server.stores.batch import is_metadata
from iotflow_server.stores.history import Extent, HistoryFault, HistoryPage, Inventory, Part
from iotflow_server.stores.iotdb.clock import Clock, Window
from iotflow_server.stores.iotdb.conflicts import conflicts_of
from iotflow_server.stores.iotdb.inventory import is_carriable
from iotflow_server.stores.iotdb.names import Layout
from iotflow_server.stores.iotdb.reading import Plan, to_batch
from iotflow_server.stores.iotdb.schema import Series, by_precedence
from iotflow_server.stores.iotdb.session import Answer
from iotflow_server.stores.iotdb.tsfiles.folder import TsFile, find_files, precision_of
from iotflow_server.stores.iotdb.tsfiles.index import Index, StoredSeries
from iotflow_server.stores.iotdb.tsfiles.merging import Cursor, blocks
from iotflow_server.stores.iotdb.tsfiles.reading import OpenFile, Stored
from iotflow_server.stores.iotdb.types import NativeType, series_type
from iotflow_server.stores.selection import MIN_TIMESTAMP, TimeRange
from iotflow_server.stores.store import OwnerLookup


class TsfileHistory:
    """Reads whatever the layouts, by precedence of places; see IotdbStore. Series without points are not in files."""

    def __init__(self, index: Index, clock: Clock, owner_of: OwnerLookup) -> None:
        self._index = index
        self._clock = clock
        self._owner_of = owner_of

    @classmethod
    def open(cls, folder: Path, database: str, owner_of: OwnerLookup) -> TsfileHistory:
        """Look into all files of a DataNode's data folder; it takes long.

        :raises TsFilesError: they cannot be read such that the result would be what IoTDB held.
        :raises ValueError: ``database`` is not a path under root.
        """
        index = Index.of(find_files(folder), Layout(database))
        return cls(index, Clock.of(precision_of(folder)), owner_of)

    async def inventory(self) -> Inventory:
        """Return what there is."""
        return await asyncio.to_thread(self._index.inventory)

    async def extent(self, part: Part) -> Extent:
        """Count the points of a part by what the files say of themselves: some may be counted twice or lie outside."""
        window = self._clock.window(part.time_range)
        within = [one for one in _all(self._chosen(part)) if _overlaps(one, window)]
        if not within:
            return Extent(0, None)
        tick = self._clock.microseconds
        first, last = min(one.first for one in within) * tick, max(one.last for one in within) * tick
        span = TimeRange(max(first, part.time_range.start), min(last + tick, part.time_range.end))
        return Extent(sum(one.points for one in within), span, self._too_early(part, within))

    async def counts(self, part: Part, step: int) -> list[tuple[int, int]]:
        """Return (start, points) of all steps of so many microseconds, from the part's start on, that hold points."""
        counts: Counter[int] = Counter()
        start = part.time_range.start
        async for page in self.pages(part):
            for column in page.batch.columns:
                steps = (column.timestamps(page.batch.timestamps) - start) // step
                for number, count in zip(*np.unique(steps, return_counts=True), strict=True):
                    counts[start + int(number) * step] += int(count)
        return sorted(counts.items())

    async def pages(self, part: Part) -> AsyncIterator[HistoryPage]:
        """Yield a part's points in order of time, in pages of bounded size."""
        with closing(self._pages(part)) as pages:
            while (page := await asyncio.to_thread(next, pages, None)) is not None:
                yield page

    def owners(self) -> dict[int, int]:
        """The user of each device by its places: of several the lowest; 0 where none has it."""
        return self._index.owners()

    def close(self) -> None:
        """Nothing is open between pages of a part."""

    def _pages(self, part: Part) -> Generator[HistoryPage, None, None]:
        stored = self._chosen(part)
        if not stored:
            return
        plan = self._plan(part, stored)
        paths, columns = zip(
            *((each[-1].path, each) for series in stored.values() for each in series.values()), strict=True
        )
        with ExitStack() as stack:
            files = {file: stack.enter_context(closing(OpenFile(file))) for file in _files(stored)}
            for block in blocks([(NativeType[each[-1].type], _cursors(files, each, plan)) for each in columns]):
                answer = Answer(paths, range(len(paths)), [block])
                if (batch := to_batch(plan, answer)) is not None:
                    yield HistoryPage(batch, conflicts_of(plan, answer))

    def _plan(self, part: Part, stored: StoredSeries) -> Plan:
        schema = {
            place: {name: _series(name, each[-1]) for name, each in series.items()} for place, series in stored.items()
        }
        places = by_precedence(schema, self._owner_of(part.device_id))
        window = self._clock.window(part.time_range)
        return Plan(self._index.layout, part.device_id, schema, schema, places, self._clock, window)

    def _chosen(self, part: Part) -> StoredSeries:
        chosen = {
            place: {name: each for name, each in series.items() if is_carriable(name) and _is_in(part, name)}
            for place, series in self._index.of_device(part.device_id).items()
        }
        return {place: series for place, series in chosen.items() if series}

    def _too_early(self, part: Part, within: Sequence[Stored]) -> list[HistoryFault]:
        """Series that begin before the year 1."""
        first = self._clock.window(TimeRange(MIN_TIMESTAMP)).first
        detail = "points before the year 1, which PostgreSQL's users and Python cannot name"
        return [
            HistoryFault("UNCARRIABLE_TIME", one.path, detail, part.device_id) for one in within if one.first < first
        ]


def _series(name: str, stored: Stored) -> Series:
    native = NativeType[stored.type]
    # Files do not keep attributes: text is told from JSON by what it looks like.
    return Series(name, stored.name, native, series_type(native, None))


def _cursors(files: dict[TsFile, OpenFile], each: Sequence[Stored], plan: Plan) -> list[Cursor]:
    first, last = plan.bounds
    return [Cursor(files[one.file].pieces(one, first, last)) for one in each]


def _files(stored: StoredSeries) -> set[TsFile]:
    return {one.file for one in _all(stored)}


def _all(stored: StoredSeries) -> Iterator[Stored]:
    for series in stored.values():
        for each in series.values():
            yield from each


def _overlaps(stored: Stored, window: Window) -> bool:
    return stored.last >= window.first and (window.last is None or stored.first <= window.last)


def _is_in(part: Part, name: str) -> bool:
    return part.measurements is None or name in part.measurements or is_metadata(name)
