"""Aggregates a scan device by device, within bounds of memory and of the answer's size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence

import numpy as np

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateRows, joined
from iotflow_server.query.aggregation import aggregate
from iotflow_server.query.fill import Fill, filled
from iotflow_server.query.gathering import by_device
from iotflow_server.query.quality import rows_of_quality
from iotflow_server.query.series import SeriesPoints, series_of
from iotflow_server.query.threads import computed_aside
from iotflow_server.query.windows import WholeRange, Windowing, Windows, too_many_rows
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

    async def consume(self, batches: AsyncIterator[Batch], so_far: int = 0) -> list[AggregateRows]:
        """Aggregate everything that a scan yields; there are so many rows already."""
        found: list[AggregateRows] = []
        async for gathered in by_device(self._chosen(batches), self._max_points):
            rows = await computed_aside(self._rows_of_device, gathered, so_far)
            so_far += len(rows)
            found.append(rows)
        return found

    def refuse_too_many(self, counts: Iterable[int], so_far: int) -> None:
        """:raises QueryTooLargeError: series with so many windows that hold points make too many rows."""
        if so_far + sum(map(self._row_count, counts)) > self._max_rows:
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

    def _rows_of_device(self, batches: Sequence[Batch], so_far: int) -> AggregateRows:
        gathered = [(series, self._windowing.split(series.timestamps)) for series in series_of(batches)]
        self.refuse_too_many((len(windows) for _, windows in gathered), so_far)
        return self.arranged(joined([self._rows_of_series(series, windows) for series, windows in gathered]))

    def _rows_of_series(self, series: SeriesPoints, windows: Windows) -> AggregateRows:
        columns = tuple(aggregate(series, windows, self._query.wanted))
        is_filled, series_of = np.zeros(len(windows), np.bool_), np.zeros(len(windows), np.intp)
        key = SeriesKey(series.device_id, series.measurement)
        return AggregateRows([key], series_of, windows.begins, windows.ends, is_filled, columns)

    def _row_count(self, count: int) -> int:
        """How many rows a series makes of which so many windows hold points."""
        count = count if self._edges is None else len(self._edges) - 1
        return count if self._query.max_windows is None else min(count, self._query.max_windows)

    def arranged(self, rows: AggregateRows) -> AggregateRows:
        """Rows as they are answered, given those of all windows that hold points."""
        if self._edges is not None:
            rows = joined([self._with_filled(own, self._edges) for own in rows.by_series()])
        if self._query.descending or self._query.max_windows is not None:
            return rows.arranged(descending=self._query.descending, limit=self._query.max_windows)
        return rows

    def _with_filled(self, rows: AggregateRows, edges: Timestamps) -> AggregateRows:
        """The rows of one series and of the windows between them."""
        begins, ends = edges[:-1], edges[1:]
        places = np.searchsorted(begins, rows.begins)
        columns = tuple(
            filled(cells, places, begins, wanted, self._query.fill)
            for cells, wanted in zip(rows.columns, self._query.wanted, strict=True)
        )
        is_filled = np.ones(len(begins), np.bool_)
        is_filled[places] = False
        return AggregateRows(rows.keys, np.zeros(len(begins), np.intp), begins, ends, is_filled, columns)
