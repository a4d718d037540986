"""Scans whole ranges, device by device, in batches of bounded size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.postgres import read_sql
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.long_texts import LONGEST_PACKED, read_values
from iotflow_server.stores.postgres.merged import MergedSeries, SeriesRows
from iotflow_server.stores.postgres.packed import LongText, unpack_timestamps, unpack_values
from iotflow_server.stores.postgres.pager import selected
from iotflow_server.stores.postgres.points import batch_of
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.selection import Scope, Selection

#: Rows that a scan fetches at once, over all series of a device; it holds no more than about twice that many.
SCAN_ROWS: Final = 50_000
#: Rows of one series that it fetches at least.
_LEAST_ROWS: Final = 50
#: Statements that read one device at a time, each of some series.
_STATEMENTS: Final = 2
#: Long texts in one batch, in bytes; those of one more row may come on top.
_TEXT_BYTES: Final = 4 << 20
_IN_SCOPE: Final = {Scope.DATA: (False,), Scope.METADATA: (True,), Scope.BOTH: (False, True)}


class DeviceScan:
    """Reads the points of one device. Holds no connection between two statements."""

    def __init__(self, connections: ReadConnections, selection: Selection, device_id: int, *, descending: bool) -> None:
        self._connections = connections
        self._selection = selection
        self._device_id = device_id
        self._descending = descending

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield them in order of time. While one is looked at the next is being read."""
        series = await self._series()
        reading = asyncio.create_task(self._read(series))
        try:
            while True:
                series.feed(await reading)
                taken = series.take(_TEXT_BYTES)
                is_finished = series.is_finished
                if not is_finished:
                    reading = asyncio.create_task(self._read(series))
                if rows := [one for each in taken if len(one := await self._filled(each))]:
                    yield batch_of(self._device_id, rows, descending=self._descending)
                if is_finished:
                    return
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _series(self) -> MergedSeries:
        _, measurements = selected(self._selection)
        scope = list(_IN_SCOPE[self._selection.scope])
        rows = await self._connections.fetch(read_sql.SELECTED_SERIES, self._device_id, measurements, scope)
        limit = max(SCAN_ROWS // max(len(rows), 1), _LEAST_ROWS)
        return MergedSeries([row[0] for row in rows], limit, descending=self._descending)

    async def _read(self, series: MergedSeries) -> list[SeriesRows]:
        """The next rows of every hungry series, some series by one statement and some by another at the same time."""
        wanted = list(zip(*series.bounds(self._selection.time_range), strict=True))
        parts = [wanted[number::_STATEMENTS] for number in range(min(_STATEMENTS, len(wanted)))]
        read = await asyncio.gather(*(self._next_rows(part, series.limit) for part in parts))
        return [rows for part in read for rows in part]

    async def _next_rows(self, wanted: Sequence[tuple[str, int, int]], limit: int) -> list[SeriesRows]:
        """At most ``limit`` rows of each series (name, start, end)."""
        has_metadata = any(is_metadata(name) for name, _, _ in wanted)
        rows = await self._connections.fetch(
            read_sql.next_points(descending=self._descending, metadata=has_metadata),
            [self._device_id] * len(wanted),
            [name for name, _, _ in wanted],
            [start - EPOCH_SHIFT for _, start, _ in wanted],
            [end - EPOCH_SHIFT for _, _, end in wanted],
            limit,
            LONGEST_PACKED,
        )
        return [
            SeriesRows(name, unpack_timestamps(timestamps), *unpack_values(kinds, packed))
            for _, name, kinds, timestamps, packed in rows
            if timestamps is not None
        ]

    async def _filled(self, rows: SeriesRows) -> SeriesRows:
        """The rows with every text; those that were deleted meanwhile are left out."""
        if rows.values.dtype != object:
            return rows
        missing = [index for index, value in enumerate(rows.values) if isinstance(value, LongText)]
        if not missing:
            return rows
        kinds, values = rows.kinds.copy(), rows.values.copy()
        key = SeriesKey(self._device_id, rows.name)
        found = await read_values(self._connections, [(key, int(rows.timestamps[index])) for index in missing])
        kept = np.ones(len(rows), np.bool_)
        for index, one in zip(missing, found, strict=True):
            if one is None:
                kept[index] = False
            else:
                kinds[index], values[index] = one
        return replace(rows, timestamps=rows.timestamps[kept], kinds=kinds[kept], values=values[kept])
