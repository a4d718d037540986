"""Aggregates from figures of hours, and from points where these do not hold: the same as from points alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from iotflow_server.query.aggregation import aggregate_figures
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.figures import Figures, summarised, together
from iotflow_server.query.gaps import Gaps, gaps_by_device, torn_hours
from iotflow_server.query.gathering import by_device
from iotflow_server.query.packing import unpacked
from iotflow_server.query.results import AggregateRow, Cell, Wanted
from iotflow_server.query.series import series_of
from iotflow_server.query.summary import Summary
from iotflow_server.query.windows import Windowing, Windows
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.closing import closing
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.rollups import DAY, Figure, RolledSeries, RollupReader
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore

#: Days of series that are read at once.
_DAYS: Final = 20_000
_MOST_DAYS: Final = 4_000
_GUESSED_SERIES: Final = 10
#: Beyond so many ranges of points to read, it is faster to read all.
_MOST_GAPS: Final = 8
_NUMBERS: Final = (Kind.NUMERIC, Kind.INTEGER)


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

    async def rows(self, selection: Selection) -> tuple[AggregateRow, ...]:
        """The rows of devices, which ascend."""
        rows: list[AggregateRow] = []
        for devices in _chunks(selection):
            chosen = replace(selection, device_ids=devices)
            rolled = await self._rollups.read(chosen, self._figures)
            gaps = gaps_by_device(devices, selection.time_range, rolled.until, rolled.marks)
            closed = _without(rolled, gaps)
            for own, run in groupby(devices, closed.get):
                part = replace(chosen, device_ids=tuple(run))
                if own is None:
                    rows += await self._of_points(part, len(rows))
                else:
                    rows += await self._of_figures(part, rolled, own, len(rows))
        return tuple(rows)

    async def _of_points(self, selection: Selection, so_far: int) -> Sequence[AggregateRow]:
        async with closing(self._store.scan(selection)) as batches:
            return await self._aggregator.consume(batches, so_far)

    async def _of_figures(
        self, selection: Selection, rolled: RolledSeries, gaps: Gaps, so_far: int
    ) -> Sequence[AggregateRow]:
        found = await asyncio.to_thread(self._unpacked, selection, rolled, gaps)
        if found is None:
            return await self._of_points(selection, so_far)
        parts, gaps = found
        try:
            for time_range in gaps.ranges:
                async for part in self._gap(replace(selection, time_range=time_range), rolled):
                    parts.append(part)
        except _ChangedError:
            return await self._of_points(selection, so_far)
        return await asyncio.to_thread(self._merged, parts, so_far)

    def _unpacked(self, selection: Selection, rolled: RolledSeries, gaps: Gaps) -> tuple[list[Figures], Gaps] | None:
        """The figures that hold, and what is to be read beside; None where that is everything, or too many pieces."""
        devices = set(selection.device_ids)
        parts = []
        for kind in _NUMBERS:
            days = {
                key: rolled.days[key] for key, own in rolled.kinds.items() if own is kind and key.device_id in devices
            }
            if days:
                found = unpacked(kind, days, self._figures)
                parts.append(found.chosen(np.flatnonzero(gaps.leave(found.times))))
        hours = np.unique(np.concatenate([np.empty(0, np.int64), *(part.times for part in parts)]))
        torn = torn_hours(hours, self._aggregator.windowing)
        if len(torn):
            gaps = gaps.and_hours(torn)
            parts = [part.chosen(np.flatnonzero(gaps.leave(part.times))) for part in parts]
        return None if gaps.are_all or len(gaps.ranges) > _MOST_GAPS else (parts, gaps)

    async def _gap(self, selection: Selection, rolled: RolledSeries) -> AsyncIterator[Figures]:
        async with closing(self._store.scan(selection)) as batches:
            async for gathered in by_device(batches, self._aggregator.max_points):
                for part in await asyncio.to_thread(self._summarised, gathered, rolled):
                    yield part

    def _summarised(self, batches: Sequence[Batch], rolled: RolledSeries) -> list[Figures]:
        found = []
        for series in series_of(batches):
            key = SeriesKey(series.device_id, series.measurement)
            if series.kind is None or rolled.kinds.get(key) is not series.kind:
                raise _ChangedError
            starts = self._aggregator.windowing.split(series.timestamps).starts
            times = series.timestamps[starts]
            found.append(summarised(Summary(series, starts), times, series.kind, self._figures))
        return found

    def _merged(self, parts: Sequence[Figures], so_far: int) -> Sequence[AggregateRow]:
        found: list[tuple[SeriesKey, Windows, list[list[Cell]]]] = []
        for kind in _NUMBERS:
            own = [part for part in parts if part.kind is kind and len(part)]
            if own:
                found += _windows_of(together(own), self._aggregator.windowing, self._wanted)
        self._aggregator.refuse_too_many((windows for _, windows, _ in found), so_far)
        found.sort(key=lambda each: each[0])
        return [row for each in found for row in self._aggregator.rows(*each)]


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


def _windows_of(
    figures: Figures, windowing: Windowing, wanted: Sequence[Wanted]
) -> Iterator[tuple[SeriesKey, Windows, list[list[Cell]]]]:
    """Each series with its windows and their results."""
    times, place = np.unique(figures.times, return_inverse=True)
    windows = windowing.split(times)
    window_of = (np.searchsorted(windows.starts, np.arange(len(times)), side="right") - 1)[place]
    is_new = np.ones(len(figures), np.bool_)
    is_new[1:] = (np.diff(window_of) != 0) | (np.diff(figures.series_of) != 0)
    merged = figures.merged(np.flatnonzero(is_new))
    begins, ends = windows.begins[window_of[is_new]], windows.ends[window_of[is_new]]
    columns = aggregate_figures(merged, wanted)
    firsts = np.flatnonzero(np.diff(merged.series_of, prepend=-1)).tolist()
    for first, end in zip(firsts, [*firsts[1:], len(merged)], strict=True):
        own = Windows(np.arange(end - first), begins[first:end], ends[first:end])
        yield merged.key_of(first), own, [column[first:end] for column in columns]
