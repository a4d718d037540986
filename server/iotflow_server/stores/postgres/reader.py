"""Reads points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.merged import MergedSeries
from iotflow_server.stores.postgres.points import Row, batch_of, batches_of
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.selection import PointKey, Scope, Selection
from iotflow_server.stores.store import SeriesInfo

#: Rows that a scan fetches at once, over all series of a device; it holds no more than about that many.
SCAN_ROWS: Final = 20_000
#: Rows of one series that it fetches at least.
_LEAST_ROWS: Final = 50
_IN_SCOPE: Final = {Scope.DATA: (False,), Scope.METADATA: (True,), Scope.BOTH: (False, True)}


class PointReader:
    """Answers the reading half of the store's contract."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def scan(self, selection: Selection, *, descending: bool) -> AsyncIterator[Batch]:
        """Yield the points of each device, in the order of devices.

        No connection is held between two batches: a slow reader keeps nobody from writing.
        """
        for device_id in sorted(set(selection.device_ids)):
            series = await self._series(device_id, selection, descending)
            while series.hungry:
                series.feed(await self._rows(device_id, selection, series, descending))
                if rows := series.take():
                    yield batch_of(device_id, rows, descending=descending)

    async def page(
        self, selection: Selection, *, limit: int, descending: bool, after: PointKey | None
    ) -> Sequence[Batch]:
        """Return the first points beyond a key."""
        statement = sql.page(descending=descending, continued=after is not None)
        async with self._pool.connection() as connection:
            return batches_of(await connection.fetch(statement, *_parameters(selection), limit, *(after or ())))

    async def latest(self, selection: Selection) -> Sequence[Batch]:
        """Return the latest point of each series."""
        async with self._pool.connection() as connection:
            return batches_of(await connection.fetch(sql.LATEST, *_parameters(selection)))

    async def list_series(self, device_ids: Sequence[int]) -> Sequence[SeriesInfo]:
        """Return the series that hold points."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql.LIST_SERIES, sorted(set(device_ids)))
        return [SeriesInfo(device, name, kind_of(kinds), first, last) for device, name, kinds, first, last in rows]

    async def _series(self, device_id: int, selection: Selection, descending: bool) -> MergedSeries:
        measurements = _parameters(selection)[1]
        async with self._pool.connection() as connection:
            rows = await connection.fetch(
                sql.SELECTED_SERIES, device_id, measurements, list(_IN_SCOPE[selection.scope])
            )
        limit = max(SCAN_ROWS // max(len(rows), 1), _LEAST_ROWS)
        return MergedSeries([row[0] for row in rows], limit, descending=descending)

    async def _rows(
        self, device_id: int, selection: Selection, series: MergedSeries, descending: bool
    ) -> Sequence[Row]:
        bounds = series.bounds(selection.time_range)
        async with self._pool.connection() as connection:
            return await connection.fetch(sql.next_rows(descending=descending), device_id, *bounds, series.limit)


def _parameters(selection: Selection) -> tuple[list[int], list[str] | None, int, int]:
    measurements = None if selection.measurements is None else list(selection.measurements)
    return sorted(set(selection.device_ids)), measurements, selection.time_range.start, selection.time_range.end
