"""Reads a range of a device part by part, each of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.closing import closing
from iotflow_server.stores.history import History, HistoryPage, Part
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore

#: Bytes of one part that has fewer points than it may.
_PART_BYTES: Final = 16 << 20


def selection_of(device_id: int, names: Collection[str] | None, time_range: TimeRange) -> Selection:
    """The series of these names (None: all) of a device. Of metadata all series are, if any is named."""
    if names is None:
        return Selection((device_id,), None, time_range, Scope.BOTH)
    data = tuple(sorted(name for name in names if not is_metadata(name)))
    if not data:
        return Selection((device_id,), None, time_range, Scope.METADATA)
    return Selection((device_id,), data, time_range, Scope.DATA if len(data) == len(names) else Scope.BOTH)


async def first_part(store: TelemetryStore, selection: Selection, points: int) -> tuple[list[Batch], int]:
    """The first points of one device, about ``points``, and up to where (exclusive) these are all that it has."""
    return await _first(store.scan(selection), selection.time_range.end, points)


async def first_pages(history: History, part: Part, points: int) -> tuple[list[Batch], int]:
    """The same, read in bulk and with all metadata."""
    return await _first(_batches(history.pages(part)), part.time_range.end, points)


async def _batches(pages: AsyncIterator[HistoryPage]) -> AsyncIterator[Batch]:
    async with closing(pages) as found:
        async for page in found:
            yield page.batch


async def _first(scan: AsyncIterator[Batch], end: int, points: int) -> tuple[list[Batch], int]:
    parts: list[Batch] = []
    count = nbytes = 0
    async with closing(scan) as batches:
        async for batch in batches:
            parts.append(batch)
            count += sum(map(len, batch.columns))
            nbytes += batch.nbytes
            if count >= points or nbytes >= _PART_BYTES:
                return parts, int(batch.timestamps[-1]) + 1
    return parts, end


def before(batches: list[Batch], end: int) -> list[Batch]:
    """What of batches is before a moment."""
    return [cut for batch in batches if (cut := _before(batch, end)) is not None]


def _before(batch: Batch, end: int) -> Batch | None:
    count = int(np.searchsorted(batch.timestamps, end))
    if count == len(batch.timestamps):
        return batch
    every = np.arange(len(batch.timestamps)) < count
    columns = (column.where(column.of_rows(every), len(every)) for column in batch.columns)
    filled = tuple(column for column in columns if len(column))
    return Batch(batch.device_id, batch.timestamps, filled) if filled else None
