"""PostgreSQL as a store of telemetry."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Timestamps
from iotflow_server.stores.device_ranges import DeviceRanges
from iotflow_server.stores.digest import SeriesDigest
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.digests import read_digests
from iotflow_server.stores.postgres.filling import PointFiller
from iotflow_server.stores.postgres.generations import Generations, change_generations
from iotflow_server.stores.postgres.marks import Marks
from iotflow_server.stores.postgres.migrations import migrate
from iotflow_server.stores.postgres.partitions import Partitions
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.postgres.reader import PointReader
from iotflow_server.stores.postgres.rollup_reader import PostgresRollupReader
from iotflow_server.stores.postgres.rollup_work import RollupWork, rollup_work
from iotflow_server.stores.postgres.stream_writers import forget_old
from iotflow_server.stores.postgres.writer import PointWriter, Terms
from iotflow_server.stores.selection import PointKey, Scope, Selection, TimeRange
from iotflow_server.stores.store import Amendment, OwnerLookup, SeriesInfo, SeriesType


class PostgresStore:
    """Implements :class:`stores.store.TelemetryStore` on PostgreSQL 15 and later."""

    def __init__(
        self,
        dsn: str,
        pool_size: int,
        timeout: float,
        owner_of: OwnerLookup,
        read_connections: int = 8,
        *,
        keeps_generations: bool = False,
    ) -> None:
        """``timeout``: longest wait for one answer, in seconds. ``read_connections`` come on top of the pool's.

        ``keeps_generations``: writes change the tokens of their devices alone, instead of making all results that are
        kept anywhere a thing of the past.
        """
        self._dsn = dsn
        self.pool = PostgresPool(dsn, pool_size, timeout)
        self._read_connections = ReadConnections(dsn, self.pool.place, read_connections, timeout)
        self._owner_of = owner_of
        self._partitions = Partitions()
        self._keeps_generations = keeps_generations
        self._marks = Marks(self.pool)
        self._writer = PointWriter(
            self.pool, self._partitions, self._marks, owner_of, keeps_generations=keeps_generations
        )
        self._reader = PointReader(self._read_connections)
        self._rollups = PostgresRollupReader(self._read_connections)
        #: Whether results that were computed of points here are still good.
        self.generations = Generations(self.pool, self._read_connections)
        self._is_ready = False
        self._opening = asyncio.Lock()

    @property
    def name(self) -> StoreName:
        """Which store this is."""
        return StoreName.POSTGRES

    @property
    def rollups(self) -> PostgresRollupReader:
        """Figures of hours."""
        return self._rollups

    def filler(self, connections: int) -> PointFiller:
        """What fills in missing points by connections of its own; they come on top of all others."""
        return PointFiller(
            self._dsn, connections, self.pool.timeout, self._owner_of, keeps_generations=self._keeps_generations
        )

    def rollup_work(self) -> AbstractAsyncContextManager[RollupWork]:
        """A connection to refresh the figures of hours by."""
        return rollup_work(self._dsn, self.pool.place, self.pool.timeout)

    async def open(self) -> None:
        """Connect, bring the schema up to date and make partitions ahead."""
        async with self._opening:
            if self._is_ready:
                return
            async with self.pool.connection() as connection:
                await migrate(connection)
                await self._partitions.make_ahead(connection)
                await forget_old(connection)
            self._read_connections.open()
            self._is_ready = True

    async def close(self) -> None:
        """Let go of all connections."""
        self._is_ready = False
        self._writer.forget()
        await self._read_connections.close()
        await self.pool.close()

    async def ping(self) -> None:
        """Return if the server answers now."""
        async with self.pool.connection() as connection:
            await connection.execute("SELECT 1")

    async def write(
        self, batches: Sequence[Batch], permission: Permission | None = None, *, tells_young: bool = True
    ) -> DeviceRanges:
        """Store all batches in one transaction, which waits with its commit for permission; return the devices of which
        young points were replaced. To tell those takes PostgreSQL 0.3 microseconds a point."""
        return await self._writer.write(batches, Terms(permission, tells_young))

    async def mark(self) -> str:
        """Return the oldest transaction that is under way."""
        async with self.pool.connection() as connection:
            return str(await connection.fetchval(sql.MARK))

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Replace or remove what no transaction has written since the mark, and add what nobody has added."""
        return await self._writer.amend(amendment, mark)

    def scan(self, selection: Selection, *, descending: bool = False) -> AsyncIterator[Batch]:
        """Yield all points of a selection."""
        return self._reader.scan(selection, descending=descending)

    async def page(
        self,
        selection: Selection,
        *,
        limit: int,
        max_bytes: int = sys.maxsize,
        descending: bool = False,
        after: PointKey | None = None,
    ) -> Sequence[Batch]:
        """Return the first data points in order."""
        return await self._reader.page(selection, limit=limit, max_bytes=max_bytes, descending=descending, after=after)

    async def latest(self, selection: Selection) -> Sequence[Batch]:
        """Return the latest point of each series."""
        return await self._reader.latest(selection)

    async def metadata(self, device_ids: NDArray[np.int32], timestamps: Timestamps) -> Sequence[Batch]:
        """Return the metadata of records."""
        return await self._reader.metadata(device_ids, timestamps)

    async def digests(self, device_id: int, time_range: TimeRange, most_points: int) -> dict[str, SeriesDigest]:
        """Digest each series of a device in a range, as :class:`stores.digest.Digesting` says."""
        return await read_digests(self._read_connections, device_id, time_range, most_points)

    async def delete(self, selection: Selection) -> None:
        """Delete the points of a selection in one transaction."""
        devices = sorted(set(selection.device_ids))
        measurements = None if selection.measurements is None else list(selection.measurements)
        bounds = (selection.time_range.start, selection.time_range.end)
        async with self.pool.connection() as connection:
            await self._marks.look(connection)
            await self._delete(connection, selection.scope, devices, measurements, bounds)

    async def _delete(
        self,
        connection: Connection,
        scope: Scope,
        devices: list[int],
        measurements: list[str] | None,
        bounds: tuple[int, int],
    ) -> None:
        async with transaction(connection):
            if self._keeps_generations:
                await change_generations(connection, devices)
            if scope is not Scope.METADATA:
                await self._marks.mark_range(connection, devices, *bounds)
                await connection.execute(sql.DELETE_DATA, devices, measurements, *bounds)
            if scope is not Scope.DATA:
                await connection.execute(sql.DELETE_METADATA, devices, *bounds)

    async def list_series(self, device_ids: Sequence[int], *, count_points: bool = False) -> Sequence[SeriesInfo]:
        """Return the data series that hold points."""
        return await self._reader.list_series(device_ids, count_points=count_points)

    async def series_types(self, device_id: int) -> Mapping[str, SeriesType]:
        """Return the types of the series of a device, as its writes have shown them."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(sql.SERIES_OF_DEVICE, device_id)
        return {row["measurement_name"]: SeriesType(kind_of(row["kinds"])) for row in rows}

    async def list_devices(self) -> Sequence[tuple[int, int]]:
        """Return every device with series here, and its owner."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(sql.DEVICES_WITH_SERIES)
        return [(row["device_id"], self._owner_of(row["device_id"])) for row in rows]
