"""Fills in points that are missing, and changes none that is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Timestamps
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import SeriesCatalogue, insert_series
from iotflow_server.stores.postgres.copying import Load, copy_into
from iotflow_server.stores.postgres.gathering import table_of
from iotflow_server.stores.postgres.generations import change_generations
from iotflow_server.stores.postgres.marks import Marks
from iotflow_server.stores.postgres.packed import unpack_timestamps
from iotflow_server.stores.postgres.partitions import Partitions, periods_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, rows_affected, transaction
from iotflow_server.stores.store import OwnerLookup

#: Times that a page is tried again after it lost against writers of the same points.
_TRIES: Final = 5
#: The first half of the locks by device that all instances know: copies share them, a delete has one alone.
_DEVICE_LOCK: Final = 0x696F_7467
#: In order, lest two that want the same devices wait for each other.
_KEEP_DELETES_AWAY: Final = """
SELECT pg_advisory_lock_shared($1, device)
FROM (SELECT device FROM unnest($2::integer[]) AS device ORDER BY device) AS sorted
"""
_MET: Final = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class PointFiller:
    """Fills by connections of its own, so that writers never wait for one."""

    def __init__(
        self, dsn: str, connections: int, timeout: float, owner_of: OwnerLookup, *, keeps_generations: bool = False
    ) -> None:
        self._pool = PostgresPool(dsn, connections, timeout)
        self._marks = Marks(self._pool)
        self._owner_of = owner_of
        self._partitions = Partitions()
        self._catalogue = SeriesCatalogue()
        self._keeps_generations = keeps_generations

    @asynccontextmanager
    async def filling(self, device_ids: Iterable[int]) -> AsyncIterator[Filling]:
        """Fill devices during the block; nobody deletes any of their points meanwhile."""
        async with self._pool.session() as connection:
            # Of the connection that copies, so that no lock is lost while a copy goes on.
            await connection.execute(_KEEP_DELETES_AWAY, _DEVICE_LOCK, sorted(set(device_ids)))
            await self._marks.look(connection)
            yield Filling(
                connection,
                self._pool.timeout,
                self._partitions,
                self._marks,
                self._catalogue,
                self._owner_of,
                keeps_generations=self._keeps_generations,
            )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._pool.close()


class Filling:
    """Fills by one connection, which holds the locks of its devices."""

    def __init__(
        self,
        connection: Connection,
        timeout: float,
        partitions: Partitions,
        marks: Marks,
        catalogue: SeriesCatalogue,
        owner_of: OwnerLookup,
        *,
        keeps_generations: bool,
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._keeps_generations = keeps_generations
        self._partitions = partitions
        self._marks = marks
        self._catalogue = catalogue
        self._owner_of = owner_of

    async def fill(self, batches: Sequence[Batch]) -> int:
        """Store what is missing of batches of different devices; return how many points, metadata included, that was.

        :raises StoreRefusedError: the server refuses a value; nothing was stored of these batches.
        """
        load = Load(Frame.of(batches), self._owner_of)
        try:
            return await self._fill(load)
        except asyncpg.CheckViolationError:
            # Somebody has dropped a partition that was known.
            self._partitions.forget()
            return await self._fill(load)

    async def _fill(self, load: Load) -> int:
        await self._prepare(load)
        try:
            async with self._transaction(load):
                for table in load.tables:
                    await copy_into(self._connection, table, load, table, self._timeout)
            return load.frame.value_count
        except _MET:
            return await self._fill_gaps(load)

    async def _prepare(self, load: Load) -> None:
        periods = periods_of(load.frame.timestamps)
        for table in load.tables:
            if not self._partitions.are_known(table, periods):
                await self._partitions.make(self._connection, table, periods)
        with self._catalogue.remembering(load.frame) as new:
            await insert_series(self._connection, new)

    async def _fill_gaps(self, load: Load) -> int:
        missing = Load(await self._missing(load.frame), self._owner_of)
        for _ in range(_TRIES):
            try:
                return await self._insert(missing)
            except _MET:
                await asyncio.sleep(0)
        return await self._insert(missing)

    async def _missing(self, frame: Frame) -> Frame:
        """What of a frame is not there, as far as others have committed."""
        return Frame.of([kept for batch in frame if (kept := await self._absent(batch)) is not None])

    async def _absent(self, batch: Batch) -> Batch | None:
        present: dict[str, Timestamps] = {}
        span = (batch.device_id, int(batch.timestamps[0]), int(batch.timestamps[-1]))
        for table in {table_of(column.name) for column in batch.columns}:
            for name, packed in await self._connection.fetch(sql.keys_between(table), *span):
                present[name] = unpack_timestamps(packed)
        columns = (_without(column, batch.timestamps, present.get(column.name)) for column in batch.columns)
        kept = tuple(column for column in columns if len(column))
        return replace(batch, columns=kept) if kept else None

    async def _insert(self, load: Load) -> int:
        """The dear way, which waits for other writers, and leaves out what they have written."""
        count = 0
        async with self._transaction(load):
            for table in load.tables:
                await self._connection.execute(sql.stage(table))
                await copy_into(self._connection, sql.staging(table), load, table, self._timeout)
                count += rows_affected(await self._connection.execute(sql.insert_missing(table)))
        return count

    @asynccontextmanager
    async def _transaction(self, load: Load) -> AsyncIterator[None]:
        async with transaction(self._connection):
            if self._keeps_generations:
                await change_generations(self._connection, load.frame.devices)
            if (late := self._marks.late(load.frame)) is not None:
                await self._marks.mark(self._connection, late)
            yield


def _without(column: Column, timestamps: Timestamps, present: Timestamps | None) -> Column:
    if present is None:
        return column
    absent: NDArray[np.bool_] = ~np.isin(column.timestamps(timestamps), present)
    return column if absent.all() else column.where(absent, len(timestamps))
