"""Makes one store equal another on a range of one device: the one mechanism for sameness.

Writes go on meanwhile, through any instance; docs/adr/0014 says why none is undone. Where the copy is PostgreSQL, the
caller keeps deletes away (``stores/postgres/device_locks.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from iotflow_server.migration.difference import difference
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.closing import closing
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import Amendment, TelemetryStore

#: Points of one step: enough to cost little more than their transport, few enough not to hold a device for long.
STEP_POINTS: Final = 20_000
#: Comparisons of one part, of which the last must find it equal.
_TRIES: Final = 5

#: (name, timestamp) of a point.
_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class SyncStep:
    """What one step did: points written, deleted and compared (in the store that has more of them), and up to where
    (exclusive) the stores are equal now."""

    written: int
    deleted: int
    end: int
    compared: int = 0

    def beyond(self, amendment: Amendment) -> SyncStep:
        """What was done with an amendment as well."""
        right, wrong = amendment.right, amendment.wrong
        written = 0 if right is None else right.point_count
        deleted = 0 if wrong is None else wrong.point_count
        return replace(self, written=self.written + written, deleted=self.deleted + deleted)

    def having_compared(self, points: int) -> SyncStep:
        """The same, after one more comparison."""
        return replace(self, compared=self.compared + points)

    def ending(self, end: int) -> SyncStep:
        """The same, known to be equal up to ``end``."""
        return replace(self, end=end)


async def sync_step(
    source: TelemetryStore, copy: TelemetryStore, device_id: int, time_range: TimeRange, *, fill_only: bool = False
) -> SyncStep:
    """Make ``copy`` equal ``source`` on the first part of a range, of about STEP_POINTS points in either.

    With ``fill_only`` nothing that the copy has is changed or deleted. Each comparison but the first is of what
    differed in the one before, or was written again after it. Where others write all the while, a difference may
    remain: the step ends before it.
    """
    part, step = time_range, SyncStep(0, 0, time_range.start)
    end: int | None = None
    #: What the copy alone had, seen once: a live write that came between both reads looks the same.
    suspected: frozenset[_Key] = frozenset()
    for _ in range(_TRIES):
        mark = await copy.mark()
        found = await _compare(source, copy, device_id, part, fill_only=fill_only)
        end = found.end if end is None or found.end < part.end else end
        step = step.having_compared(found.compared)
        if found.span is None:
            return step.ending(end)
        confirmed = [key for key in found.extra if key in suspected]
        if found.missing is not None or confirmed:
            amendment = Amendment(found.missing, _points(device_id, confirmed), found.whole)
            is_done = await copy.amend(amendment, mark)
            step = step.beyond(amendment)
            if is_done and len(confirmed) == len(found.extra):
                return step.ending(end)
        # To take something away may be to write all of the part again: over what was written meanwhile.
        part = TimeRange(part.start, found.end) if confirmed else found.span
        suspected = frozenset(found.extra)
    return step.ending(part.start)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """How the copy differs on a part of a range that ends at ``end``; ``whole`` is all that the source has there."""

    missing: Batch | None
    extra: Sequence[_Key]
    whole: Batch | None
    end: int
    #: Points of the store that has more of them.
    compared: int

    @property
    def span(self) -> TimeRange | None:
        """From the first difference to the last."""
        moments = [timestamp for _, timestamp in self.extra]
        if self.missing is not None:
            of_columns = [column.timestamps(self.missing.timestamps) for column in self.missing.columns]
            moments += [int(end) for some in of_columns for end in (some.min(), some.max())]
        return TimeRange(min(moments), max(moments) + 1) if moments else None


async def _compare(
    source: TelemetryStore, copy: TelemetryStore, device_id: int, time_range: TimeRange, *, fill_only: bool
) -> _Comparison:
    """How the copy differs on the first part of a range."""
    batch, end = await _first_part(source, device_id, time_range)
    other, end = await _first_part(copy, device_id, TimeRange(time_range.start, end))
    batch = batch if batch is None else _before(batch, end)
    there = [] if other is None else [other]
    compared = max(_values_in(batch), _values_in(other))
    missing, extra = difference(batch, there, device_id)
    if fill_only:
        missing, extra = _only_absent(missing, there), []
    return _Comparison(missing, extra, batch, end, compared)


def _values_in(batch: Batch | None) -> int:
    return 0 if batch is None else sum(map(len, batch.columns))


async def _first_part(store: TelemetryStore, device_id: int, time_range: TimeRange) -> tuple[Batch | None, int]:
    """The first points of a range, about as many as a step takes, as one batch, and up to where it has them all."""
    parts: list[Batch] = []
    values = 0
    async with closing(store.scan(_everything(device_id, time_range))) as batches:
        async for batch in batches:
            parts.append(batch)
            values += _values_in(batch)
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


def _points(device_id: int, keys: Sequence[_Key]) -> Batch | None:
    """Points of which only the keys matter."""
    if not keys:
        return None
    by_name: dict[str, list[int]] = {}
    for name, timestamp in keys:
        by_name.setdefault(name, []).append(timestamp)
    timestamps = np.unique(np.array([timestamp for _, timestamp in keys], np.int64))
    columns = []
    for name, moments in by_name.items():
        rows = np.searchsorted(timestamps, np.unique(np.array(moments, np.int64)))
        columns.append(Column(name, Kind.BOOLEAN, np.zeros(len(rows), np.bool_), rows))
    return Batch(device_id, timestamps, tuple(columns))


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
