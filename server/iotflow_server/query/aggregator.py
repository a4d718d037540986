"""Aggregates a scan device by device, within bounds of memory and of the answer's size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from iotflow_server.query.aggregation import aggregate, refuse_unless_numbers
from iotflow_server.query.errors import QueryTooLargeError
from iotflow_server.query.results import AggregateRow, Aggregation
from iotflow_server.query.series import series_of
from iotflow_server.query.windows import split
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import TimeRange

#: Memory that goes with each point allowed: long texts count as several points.
_BYTES_PER_POINT: Final = 128


class Aggregator:
    """Takes the batches of one ascending scan and makes rows of them."""

    def __init__(
        self,
        aggregations: Sequence[Aggregation],
        time_range: TimeRange,
        window_us: int | None,
        *,
        max_points: int,
        max_rows: int,
    ) -> None:
        self._aggregations = tuple(aggregations)
        self._time_range = time_range
        self._window_us = window_us
        self._max_points = max_points
        self._max_rows = max_rows
        self._gathered: list[Batch] = []
        self._points = 0
        self._bytes = 0
        self._rows: list[AggregateRow] = []

    async def consume(self, batches: AsyncIterator[Batch]) -> tuple[AggregateRow, ...]:
        """Aggregate everything that a scan yields."""
        async for batch in batches:
            if self._gathered and self._gathered[0].device_id != batch.device_id:
                await self._finish_device()
            self._gather(batch)
        await self._finish_device()
        return tuple(self._rows)

    def _gather(self, batch: Batch) -> None:
        for column in batch.columns:
            refuse_unless_numbers(batch.device_id, column.name, column.kind, self._aggregations)
        self._gathered.append(batch)
        self._points += batch.point_count
        self._bytes += batch.nbytes
        if self._points > self._max_points:
            raise _too_much(batch.device_id, f"{self._max_points} points")
        if self._bytes > self._max_points * _BYTES_PER_POINT:
            raise _too_much(batch.device_id, f"{self._max_points * _BYTES_PER_POINT} bytes")

    async def _finish_device(self) -> None:
        batches, self._gathered, self._points, self._bytes = self._gathered, [], 0, 0
        if batches:
            self._rows += await asyncio.to_thread(self._rows_of, batches, self._max_rows - len(self._rows))

    def _rows_of(self, batches: Sequence[Batch], room: int) -> list[AggregateRow]:
        gathered = [
            (series, split(series.timestamps, self._time_range, self._window_us)) for series in series_of(batches)
        ]
        if sum(len(windows) for _, windows in gathered) > room:
            raise QueryTooLargeError(
                f"the answer would have more than {self._max_rows} rows: "
                "ask for a longer window, a narrower range, or fewer devices and measurements"
            )
        return [
            AggregateRow(series.device_id, series.measurement, start, end, values)
            for series, windows in gathered
            for (start, end), values in zip(windows.bounds, aggregate(series, windows, self._aggregations), strict=True)
        ]


def _too_much(device_id: int, limit: str) -> QueryTooLargeError:
    return QueryTooLargeError(
        f"the aggregation would read more than {limit} of device {device_id}: "
        "narrow the range, or name fewer measurements at a time"
    )
