"""Aggregates a scan device by device, within bounds of memory and of the answer's size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice

import numpy as np

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregation import aggregate
from iotflow_server.query.exact import Starts
from iotflow_server.query.fill import Fill, filled
from iotflow_server.query.gathering import by_device
from iotflow_server.query.quality import rows_of_quality
from iotflow_server.query.results import AggregateRow, Cell
from iotflow_server.query.series import SeriesPoints, series_of
from iotflow_server.query.windows import WholeRange, Windowing, Windows, bounds_of, too_many_rows
from iotflow_server.stores.batch import Batch, Timestamps, is_metadata
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.selection import TimeRange


class Aggregator:
    """Takes the batches of one ascending scan and makes rows of them.

    :raises QueryTooLargeError: already when made, where filling alone makes too many rows.
    """

    def __init__(self, query: AggregateQuery, time_range: TimeRange, *, max_points: int, max_rows: int) -> None:
        self._query = query
        self._windowing = query.windowing or WholeRange(time_range)
        self._max_points = max_points
        self._max_rows = max_rows
        self._edges = None if query.fill is Fill.NONE else self._windowing.edges(time_range, max_rows)

    @property
    def windowing(self) -> Windowing:
        """The windows."""
        return self._windowing

    @property
    def max_points(self) -> int:
        """Most points of a device that are read."""
        return self._max_points

    async def consume(self, batches: AsyncIterator[Batch], so_far: int = 0) -> tuple[AggregateRow, ...]:
        """Aggregate everything that a scan yields; there are so many rows already."""
        rows: list[AggregateRow] = []
        async for gathered in by_device(self._chosen(batches), self._max_points):
            rows += await asyncio.to_thread(self._rows_of_device, gathered, so_far + len(rows))
        return tuple(rows)

    def refuse_too_many(self, windows: Iterable[Windows], so_far: int) -> None:
        """:raises QueryTooLargeError: with the windows of these series there are more rows than there may be."""
        if so_far + sum(map(self.row_count, windows)) > self._max_rows:
            raise too_many_rows(self._max_rows)

    async def _chosen(self, batches: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
        async for batch in batches:
            if (rows := rows_of_quality(batch, self._query.quality)) is None:
                continue
            columns = tuple(column for column in rows.columns if not is_metadata(column.name))
            for column in columns:
                self._query.refuse_unless_fit(batch.device_id, column.name, column.kind)
            if columns:
                yield Batch(rows.device_id, rows.timestamps, columns)

    def _rows_of_device(self, batches: Sequence[Batch], so_far: int) -> list[AggregateRow]:
        gathered = [(series, self._windowing.split(series.timestamps)) for series in series_of(batches)]
        self.refuse_too_many((windows for _, windows in gathered), so_far)
        return [row for series, windows in gathered for row in self._rows_of_series(series, windows)]

    def _rows_of_series(self, series: SeriesPoints, windows: Windows) -> list[AggregateRow]:
        columns = aggregate(series, windows, self._query.wanted)
        return self.rows(SeriesKey(series.device_id, series.measurement), windows, columns)

    def row_count(self, windows: Windows) -> int:
        """How many rows the windows of one series make."""
        count = len(windows) if self._edges is None else len(self._edges) - 1
        return count if self._query.max_windows is None else min(count, self._query.max_windows)

    def rows(self, key: SeriesKey, windows: Windows, columns: Sequence[Sequence[Cell]]) -> list[AggregateRow]:
        """The rows of a series, given its windows that hold points, and their results for each that is wanted."""
        begins, ends, places = windows.begins, windows.ends, np.arange(len(windows))
        if self._edges is not None:
            begins, ends = self._edges[:-1], self._edges[1:]
            places = np.searchsorted(begins, windows.begins)
            columns = [
                filled(cells, places, begins, wanted, self._query.fill)
                for cells, wanted in zip(columns, self._query.wanted, strict=True)
            ]
        return self._listed(key, begins, ends, places, columns)

    def _listed(
        self,
        key: SeriesKey,
        begins: Timestamps,
        ends: Timestamps,
        places: Starts,
        columns: Sequence[Sequence[Cell]],
    ) -> list[AggregateRow]:
        is_filled = np.ones(len(begins), np.bool_)
        is_filled[places] = False
        rows = list(zip(begins.tolist(), ends.tolist(), is_filled.tolist(), zip(*columns, strict=True), strict=True))
        ordered = reversed(rows) if self._query.descending else rows
        return [
            AggregateRow(*key, *bounds_of(begin, end), values, hollow)
            for begin, end, hollow, values in islice(ordered, self._query.max_windows)
        ]
