"""Aggregates from figures of hours, and from points where these do not hold: the same as from points alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from iotflow_server.query.aggregate_rows import AggregateRows, joined
from iotflow_server.query.aggregation import aggregate_figures
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.figures import Figures, summarised, together
from iotflow_server.query.gaps import Gaps, torn_hours
from iotflow_server.query.gathering import by_device
from iotflow_server.query.results import Wanted
from iotflow_server.query.rolled_series import NUMBERS, Kinds, Run, SeriesOfDevices, of_use
from iotflow_server.query.series import series_of
from iotflow_server.query.summary import Summary
from iotflow_server.query.threads import computed, computed_aside
from iotflow_server.query.turns import Turns
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.rollups import DAY, HOUR, Figure, RolledSeries, RollupReader
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore

#: Days of series that are read at once.
_DAYS: Final = 20_000
_MOST_DAYS: Final = 4_000
_GUESSED_SERIES: Final = 10
#: So many are computed with sooner than a thread takes them over.
_FEW_DAYS: Final = 80
_FEW_RUNS: Final = 8


class _ChangedError(Exception):
    """A series has got another kind since its figures were read."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Figures that hold, the gaps between them, and the rows they make where there are none."""

    parts: list[Figures]
    gaps: Gaps
    rows: list[AggregateRows] | None


class RolledAggregation:
    """Makes the rows of one aggregation."""

    def __init__(
        self,
        store: TelemetryStore,
        rollups: RollupReader,
        aggregator: Aggregator,
        wanted: Sequence[Wanted],
        figures: Collection[Figure],
        turns: Turns,
    ) -> None:
        self._store = store
        self._rollups = rollups
        self._aggregator = aggregator
        self._wanted = wanted
        self._figures = figures
        self._turns = turns

    async def rows(self, selection: Selection) -> list[AggregateRows]:
        """The rows of devices, which ascend."""
        found: list[AggregateRows] = []
        for devices in _chunks(selection):
            chosen = replace(selection, device_ids=devices)
            series, runs, held = await self._begun(chosen, sum(map(len, found)))
            for (_, run), own in zip(runs, held, strict=True):
                part = replace(chosen, device_ids=run)
                found += await self._completed(part, series, own, sum(map(len, found)))
        self._aggregator.refuse_too_many((), sum(map(len, found)))
        return found

    async def _begun(self, selection: Selection, so_far: int) -> tuple[SeriesOfDevices, list[Run], list[_Held | None]]:
        """What figures tell of some devices."""
        may_be_long = _series_days(selection) * len(selection.device_ids) > _FEW_DAYS
        async with self._turns.long() if may_be_long else nullcontext():
            series = SeriesOfDevices(await self._read(selection), self._figures, selection.device_ids)
            runs = series.runs(selection.time_range)
            is_short = len(series) <= _FEW_DAYS and len(runs) <= _FEW_RUNS
            if is_short:
                await self._turns.short()
            return series, runs, await computed(is_short, self._held, series, runs, so_far)

    async def _read(self, selection: Selection) -> RolledSeries:
        """The figures of days where these leave no more to be read than those of hours would."""
        span = selection.time_range
        if self._aggregator.windowing.keeps_whole(DAY) and span.start % DAY == 0:
            rolled = await self._rollups.read(selection, self._figures, DAY)
            if span.end % DAY == 0 or span.end > rolled.until:
                return rolled
        return await self._rollups.read(selection, self._figures, HOUR)

    async def _of_points(self, selection: Selection, so_far: int) -> list[AggregateRows]:
        async with closing(self._store.scan(selection)) as batches:
            return await self._aggregator.consume(batches, so_far)

    async def _completed(
        self, selection: Selection, series: SeriesOfDevices, held: _Held | None, so_far: int
    ) -> list[AggregateRows]:
        """The rows of devices of which so much holds."""
        if held is None:
            return await self._of_points(selection, so_far)
        if held.rows is not None:
            return held.rows
        parts, kinds = held.parts, series.kinds
        try:
            for time_range in held.gaps.ranges:
                async for part in self._gap(replace(selection, time_range=time_range), kinds):
                    parts.append(part)
        except _ChangedError:
            return await self._of_points(selection, so_far)
        if is_short := len(series) <= _FEW_DAYS:
            await self._turns.short()
        return await computed(is_short, self._merged, parts, so_far)

    def _held(self, series: SeriesOfDevices, runs: Sequence[Run], so_far: int) -> list[_Held | None]:
        """What holds of the figures of each run of devices; None where that is nothing, or in too many pieces."""
        found: list[_Held | None] = []
        for gaps, run in runs:
            held = None if gaps is None else self._held_of(series.of(run), gaps, so_far)
            found.append(held)
            if held is not None and held.rows is not None:
                so_far += sum(map(len, held.rows))
        return found

    def _held_of(self, figures: Iterable[Figures], gaps: Gaps, so_far: int) -> _Held | None:
        parts = [_left(part, gaps) for part in figures]
        torn = [torn_hours(part.times, self._aggregator.windowing) for part in parts]
        if any(map(len, torn)):
            gaps = gaps.and_hours(np.unique(np.concatenate(torn)))
            parts = [_left(part, gaps) for part in parts]
        if (found := of_use(gaps)) is None:
            return None
        return _Held(parts, found, None if found.ranges else self._merged(parts, so_far))

    async def _gap(self, selection: Selection, kinds: Kinds) -> AsyncIterator[Figures]:
        async with closing(self._store.scan(selection)) as batches:
            async for gathered in by_device(batches, self._aggregator.max_points):
                for part in await computed_aside(self._summarised, gathered, kinds):
                    yield part

    def _summarised(self, batches: Sequence[Batch], kinds: Kinds) -> list[Figures]:
        found = []
        for series in series_of(batches):
            key = SeriesKey(series.device_id, series.measurement)
            if series.kind is None or kinds.get(key) is not series.kind:
                raise _ChangedError
            starts = self._aggregator.windowing.split(series.timestamps).starts
            times = series.timestamps[starts]
            found.append(summarised(Summary(series, starts), times, series.kind, self._figures))
        return found

    def _merged(self, parts: Sequence[Figures], so_far: int) -> list[AggregateRows]:
        by_kind = [[part for part in parts if part.kind is kind and len(part)] for kind in NUMBERS]
        found = [self._windows_of(together(own)) for own in by_kind if own]
        if not found:
            return []
        rows = found[0] if len(found) == 1 else joined(found).in_order()
        counts = np.bincount(rows.series_of)
        self._aggregator.refuse_too_many(counts[counts > 0].tolist(), so_far)
        return [self._aggregator.arranged(rows)]

    def _windows_of(self, figures: Figures) -> AggregateRows:
        begins, ends = self._aggregator.windowing.around(figures.times)
        is_new, series_of = np.ones(len(figures), np.bool_), figures.series_of
        is_new[1:] = (begins[1:] != begins[:-1]) | (series_of[1:] != series_of[:-1])
        starts = np.flatnonzero(is_new)
        merged = figures.merged(starts)
        columns = tuple(aggregate_figures(merged, self._wanted))
        is_filled = np.zeros(len(starts), np.bool_)
        return AggregateRows(merged.keys, merged.series_of, begins[starts], ends[starts], is_filled, columns)


def _left(figures: Figures, gaps: Gaps) -> Figures:
    """Those of figures that lie outside of gaps."""
    is_left = gaps.leave(figures.times)
    return figures if np.count_nonzero(is_left) == len(figures) else figures.chosen(np.flatnonzero(is_left))


def _series_days(selection: Selection) -> int:
    """Days of the series of a device, about."""
    span = selection.time_range
    days = min((span.end - span.start) // DAY + 2, _MOST_DAYS)
    return days * (_GUESSED_SERIES if selection.measurements is None else max(len(selection.measurements), 1))


def _chunks(selection: Selection) -> Iterator[tuple[int, ...]]:
    """Devices whose figures are read together."""
    size = max(1, _DAYS // _series_days(selection))
    for first in range(0, len(selection.device_ids), size):
        yield selection.device_ids[first : first + size]
