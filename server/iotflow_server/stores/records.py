"""Finds the metadata of records by scanning, for a store that cannot look records up one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Timestamps
from iotflow_server.stores.closing import closing
from iotflow_server.stores.selection import Scope, Selection, TimeRange

#: Scans that one call may make to skip long stretches between its points. The latest points of a device's series
#: may lie years apart, with much metadata between them.
MAX_SPANS: Final = 8
#: A stretch is skipped where it is longer than this many microseconds and, of many, this many times the usual one.
_WORTH_US: Final = 60_000_000
_WORTH_RATIO: Final = 10.0


async def scan_metadata(
    scan: Callable[[Selection], AsyncIterator[Batch]], device_ids: NDArray[np.int32], timestamps: Timestamps
) -> list[Batch]:
    """Read the metadata of records, given as two arrays of one length. Only what belongs to them is kept."""
    found: list[Batch] = []
    for span in spans(timestamps):
        inside = np.unique(device_ids[(timestamps >= span.start) & (timestamps < span.end)])
        async with closing(scan(Selection(tuple(inside.tolist()), None, span, Scope.METADATA))) as batches:
            async for batch in batches:
                found += _of_moments(batch, timestamps[device_ids == batch.device_id])
    return found


def spans(timestamps: Timestamps, limit: int = MAX_SPANS) -> Iterator[TimeRange]:
    """At most ``limit`` ranges that cover all timestamps and leave out the longest stretches between them."""
    moments = np.unique(timestamps)
    if not len(moments):
        return
    for part in np.split(moments, _longest_gaps(np.diff(moments), limit - 1) + 1):
        yield TimeRange(int(part[0]), int(part[-1]) + 1)


def _longest_gaps(gaps: NDArray[np.int64], limit: int) -> NDArray[np.intp]:
    """Indices of the gaps worth a scan of their own, ascending."""
    usual = float(np.median(gaps)) if len(gaps) > limit else 0.0
    worth = np.flatnonzero(gaps > max(_WORTH_US, _WORTH_RATIO * usual))
    longest = worth[np.argsort(gaps[worth], kind="stable")[::-1][:limit]]
    return np.sort(longest)


def _of_moments(batch: Batch, moments: Timestamps) -> Iterator[Batch]:
    wanted = np.isin(batch.timestamps, moments)
    columns = (
        column.where(wanted if column.rows is None else wanted[column.rows], len(wanted)) for column in batch.columns
    )
    kept = tuple(column for column in columns if len(column))
    if kept:
        yield Batch(batch.device_id, batch.timestamps, kept)
