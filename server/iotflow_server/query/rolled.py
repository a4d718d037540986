"""Aggregates from figures of hours, and from points where these do not hold: the same as from points alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from iotflow_server.query.aggregate_rows import AggregateRows, joined
from iotflow_server.query.aggregation import aggregate_figures
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.figures import Figures, summarised, together
from iotflow_server.query.gaps import Gaps, gaps_by_device, torn_hours
from iotflow_server.query.gathering import by_device
from iotflow_server.query.packing import unpacked
from iotflow_server.query.results import Wanted
from iotflow_server.query.series import series_of
from iotflow_server.query.summary import Summary
from iotflow_server.query.threads import computed, computed_aside
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.closing import closing
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.rollups import DAY, HOUR, Figure, RolledSeries, RollupReader
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore

#: Days of series that are read at once.
_DAYS: Final = 20_000
_MOST_DAYS: Final = 4_000
_GUESSED_SERIES: Final = 10
#: Beyond so many ranges of points to read, it is faster to read all.
_MOST_GAPS: Final = 8
#: So many figures are computed with sooner than a thread takes them over.
_FEW_PARTS: Final = 2_000
_NUMBERS: Final = (Kind.NUMERIC, Kind.INTEGER)

_Kinds = Mapping[SeriesKey, Kind | None]


class _ChangedError(Exception):
    """A series has got another kind since its figures were read."""


class RolledAggregation:
    """Makes the rows of one aggregation."""

    def __init__(
        self,
        store: TelemetryStore,
        rollups: RollupReader,
        aggregator: Aggregator,
        wanted: Sequence[Wanted],
        figures: Collection[Figure],
    ) -> None:
        self._store = store
        self._rollups = rollups
        self._aggregator = aggregator
        self._wanted = wanted
        self._figures = figures

    async def rows(self, selection: Selection) -> list[AggregateRows]:
        """The rows of devices, which ascend."""
        found: list[AggregateRows] = []
        for devices in _chunks(selection):
            chosen = replace(selection, device_ids=devices)
            rolled = await self._read(chosen)
            gaps = gaps_by_device(devices, selection.time_range, rolled)
            closed = _without(rolled, gaps)
            figures = await computed(_is_short(rolled), self._unpacked, rolled) if closed else []
            for own, run in groupby(devices, closed.get):
                part = replace(chosen, device_ids=tuple(run))
                so_far = sum(map(len, found))
                if own is None:
                    found += await self._of_points(part, so_far)
                else:
                    found += await self._of_figures(part, rolled.kinds, figures, own, so_far)
        return found

    async def _read(self, selection: Selection) -> RolledSeries:
        """The figures of days where these leave no more to be read than those of hours would."""
        span = selection.time_range
        if self._aggregator.windowing.is_of_days and span.start % DAY == 0:
            rolled = await self._rollups.read(selection, self._figures, DAY)
            if span.end % DAY == 0 or span.end > rolled.until:
                return rolled
        return await self._rollups.read(selection, self._figures, HOUR)

    async def _of_points(self, selection: Selection, so_far: int) -> list[AggregateRows]:
        async with closing(self._store.scan(selection)) as batches:
            return await self._aggregator.consume(batches, so_far)

    def _unpacked(self, rolled: RolledSeries) -> list[Figures]:
        return [unpacked(days, self._figures) for days in rolled.days]

    async def _of_figures(
        self, selection: Selection, kinds: _Kinds, figures: Sequence[Figures], gaps: Gaps, so_far: int
    ) -> list[AggregateRows]:
        is_short = sum(map(len, figures)) <= _FEW_PARTS
        held = await computed(is_short, self._held, figures, selection.device_ids, gaps)
        if held is None:
            return await self._of_points(selection, so_far)
        parts, gaps = held
        try:
            for time_range in gaps.ranges:
                async for part in self._gap(replace(selection, time_range=time_range), kinds):
                    parts.append(part)
        except _ChangedError:
            return await self._of_points(selection, so_far)
        return await computed(is_short, self._merged, parts, so_far)

    def _held(
        self, figures: Sequence[Figures], devices: Sequence[int], gaps: Gaps
    ) -> tuple[list[Figures], Gaps] | None:
        """The figures that hold, and what is to be read beside; None where that is everything, or too many pieces."""
        parts = [_left(part, devices, gaps) for part in figures]
        torn = [torn_hours(part.times, self._aggregator.windowing) for part in parts]
        if any(map(len, torn)):
            gaps = gaps.and_hours(np.unique(np.concatenate(torn)))
            parts = [_left(part, devices, gaps) for part in parts]
        return None if gaps.are_all or len(gaps.ranges) > _MOST_GAPS else (parts, gaps)

    async def _gap(self, selection: Selection, kinds: _Kinds) -> AsyncIterator[Figures]:
        async with closing(self._store.scan(selection)) as batches:
            async for gathered in by_device(batches, self._aggregator.max_points):
                for part in await computed_aside(self._summarised, gathered, kinds):
                    yield part

    def _summarised(self, batches: Sequence[Batch], kinds: _Kinds) -> list[Figures]:
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
        by_kind = [[part for part in parts if part.kind is kind and len(part)] for kind in _NUMBERS]
        found = [self._windows_of(together(own)) for own in by_kind if own]
        if not found:
            return []
        rows = found[0] if len(found) == 1 else joined(found).in_order()
        counts = np.bincount(rows.series_of)
        self._aggregator.refuse_too_many(counts[counts > 0].tolist(), so_far)
        return [self._aggregator.arranged(rows)]

    def _windows_of(self, figures: Figures) -> AggregateRows:
        begins, ends = self._aggregator.windowing.around(figures.times)
        is_new = np.ones(len(figures), np.bool_)
        is_new[1:] = (np.diff(begins) != 0) | (np.diff(figures.series_of) != 0)
        starts = np.flatnonzero(is_new)
        merged = figures.merged(starts)
        columns = tuple(aggregate_figures(merged, self._wanted))
        is_filled = np.zeros(len(starts), np.bool_)
        return AggregateRows(merged.keys, merged.series_of, begins[starts], ends[starts], is_filled, columns)


def _is_short(rolled: RolledSeries) -> bool:
    return sum(len(own.days) for own in rolled.days) * (DAY // HOUR) <= _FEW_PARTS


def _left(figures: Figures, devices: Sequence[int], gaps: Gaps) -> Figures:
    """Those of figures that belong to devices and lie outside of gaps."""
    is_left = gaps.leave(figures.times)
    wanted = set(devices)
    is_own = np.array([key.device_id in wanted for key in figures.keys], np.bool_)
    if not is_own.all():
        is_left &= is_own[figures.series_of]
    return figures if is_left.all() else figures.chosen(np.flatnonzero(is_left))


def _chunks(selection: Selection) -> Iterator[tuple[int, ...]]:
    """Devices whose figures are read together."""
    span = selection.time_range
    days = min((span.end - span.start) // DAY + 2, _MOST_DAYS)
    series = _GUESSED_SERIES if selection.measurements is None else max(len(selection.measurements), 1)
    size = max(1, _DAYS // (days * series))
    for first in range(0, len(selection.device_ids), size):
        yield selection.device_ids[first : first + size]


def _without(rolled: RolledSeries, gaps: dict[int, Gaps]) -> dict[int, Gaps]:
    """The gaps of those devices of which figures are of use: all of their series hold numbers of one kind."""
    others = {key.device_id for key, kind in rolled.kinds.items() if kind not in _NUMBERS}
    return {
        device_id: own
        for device_id, own in gaps.items()
        if device_id not in others and not own.are_all and len(own.ranges) <= _MOST_GAPS
    }
