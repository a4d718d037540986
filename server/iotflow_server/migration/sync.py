"""Makes one store equal another on a range of one device: the one mechanism for sameness.

The caller keeps writes away from the device meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from iotflow_server.migration.difference import difference
from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.closing import closing
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore

#: Points of one step: enough to cost little more than their transport, few enough not to hold a device for long.
STEP_POINTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class SyncStep:
    """What one step did: points written and deleted, and up to where (exclusive) the stores are equal now."""

    written: int
    deleted: int
    end: int


async def sync_step(
    source: TelemetryStore, copy: TelemetryStore, device_id: int, time_range: TimeRange, *, fill_only: bool = False
) -> SyncStep:
    """Make ``copy`` equal ``source`` on the first part of a range, of about STEP_POINTS points in either.

    With ``fill_only`` nothing that the copy has is changed or deleted.
    """
    batch, end = await _first_part(source, device_id, time_range)
    other, end = await _first_part(copy, device_id, TimeRange(time_range.start, end))
    batch = batch if batch is None else _before(batch, end)
    there = [] if other is None else [other]
    missing, extra = difference(batch, there, device_id)
    if fill_only:
        missing, extra = _only_absent(missing, there), []
    deleted = await _delete(copy, device_id, extra)
    if extra and batch is not None:
        # What belongs between the points that were deleted is written again.
        missing = batch
    if missing is not None:
        await copy.write([missing])
    return SyncStep(0 if missing is None else missing.point_count, deleted, end)


async def _first_part(store: TelemetryStore, device_id: int, time_range: TimeRange) -> tuple[Batch | None, int]:
    """The first points of a range, about as many as a step takes, as one batch, and up to where it has them all."""
    parts: list[Batch] = []
    values = 0
    async with closing(store.scan(_everything(device_id, time_range))) as batches:
        async for batch in batches:
            parts.append(batch)
            values += sum(map(len, batch.columns))
            if values >= STEP_POINTS:
                return Frame.of(parts).resolved()[0], int(batch.timestamps[-1]) + 1
    return (Frame.of(parts).resolved()[0] if parts else None), time_range.end


def _before(batch: Batch, end: int) -> Batch | None:
    """What of a batch is before ``end``."""
    count = int(np.searchsorted(batch.timestamps, end))
    if count == len(batch.timestamps):
        return batch
    columns = []
    for column in batch.columns:
        rows = np.arange(len(column)) if column.rows is None else column.rows
        kept = column.where(rows < count, len(batch.timestamps))
        if len(kept):
            columns.append(kept)
    return Batch(batch.device_id, batch.timestamps[:count], tuple(columns)) if columns else None


def _everything(device_id: int, time_range: TimeRange) -> Selection:
    return Selection((device_id,), None, time_range, Scope.BOTH)


async def _delete(store: TelemetryStore, device_id: int, extra: Sequence[tuple[str, int]]) -> int:
    """Delete all between the first and the last of these, at once: one by one takes a store far too long."""
    if extra:
        moments = [timestamp for _, timestamp in extra]
        span = TimeRange(min(moments), max(moments) + 1)
        scope = Scope.BOTH if any(is_metadata(name) for name, _ in extra) else Scope.DATA
        await store.delete(Selection((device_id,), None, span, scope))
    return len(extra)


def _only_absent(missing: Batch | None, there: Sequence[Batch]) -> Batch | None:
    if missing is None:
        return None
    present: dict[str, list[np.ndarray[tuple[int], np.dtype[np.int64]]]] = {}
    for batch in there:
        for column in batch.columns:
            present.setdefault(column.name, []).append(column.timestamps(batch.timestamps))
    columns = []
    for column in missing.columns:
        if column.name in present:
            absent = ~np.isin(column.timestamps(missing.timestamps), np.concatenate(present[column.name]))
            column = column.where(absent, len(missing.timestamps))
        if len(column):
            columns.append(column)
    return Batch(missing.device_id, missing.timestamps, tuple(columns)) if columns else None
