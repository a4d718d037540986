"""Reads points."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.points import Row, batch_of, batches_of
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.selection import PointKey, Scope, Selection
from iotflow_server.stores.store import SeriesInfo

#: Rows that a scan fetches at once; a batch holds about as many points.
SCAN_ROWS: Final = 20_000


class PointReader:
    """Answers the reading half of the store's contract."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def scan(self, selection: Selection, *, descending: bool) -> AsyncIterator[Batch]:
        """Yield the points of each device, in the order of devices."""
        for device_id in sorted(set(selection.device_ids)):
            async for rows in self._chunks(device_id, selection, descending):
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

    async def _chunks(self, device_id: int, selection: Selection, descending: bool) -> AsyncIterator[list[Row]]:
        """Yield rows so that all rows of one timestamp come together."""
        statement = sql.scan(
            data=selection.scope is not Scope.METADATA,
            metadata=selection.scope is not Scope.DATA,
            descending=descending,
        )
        held: list[Row] = []
        async with self._pool.connection() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(statement, [device_id], *_parameters(selection)[1:])
            while rows := await cursor.fetch(SCAN_ROWS):
                held += rows
                complete = _complete(held)
                if complete:
                    yield held[:complete]
                    held = held[complete:]
        if held:
            yield held


def _parameters(selection: Selection) -> tuple[list[int], list[str] | None, int, int]:
    measurements = None if selection.measurements is None else list(selection.measurements)
    return sorted(set(selection.device_ids)), measurements, selection.time_range.start, selection.time_range.end


def _complete(rows: list[Row]) -> int:
    """How many rows lie before those of the last timestamp."""
    count = len(rows)
    while count and rows[count - 1][1] == rows[-1][1]:
        count -= 1
    return count
