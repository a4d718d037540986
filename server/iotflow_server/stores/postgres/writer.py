"""Writes points: an optimistic COPY, and where keys exist already an upsert of the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import SeriesCatalogue, insert_series
from iotflow_server.stores.postgres.copying import Load, copy_into
from iotflow_server.stores.postgres.overwriters import Overwriters
from iotflow_server.stores.postgres.partitions import Partitions, periods_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction
from iotflow_server.stores.store import OwnerLookup

#: Times that a write is tried again after it lost against another transaction.
_LOST_TRIES: Final = 5
_LOST: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
#: More values than that are put in order in a thread, lest the event loop stand still.
_LOOP_VALUES: Final = 100_000


class PointWriter:
    """Writes batches, each call in one transaction."""

    def __init__(self, pool: PostgresPool, partitions: Partitions, owner_of: OwnerLookup) -> None:
        self._pool = pool
        self._partitions = partitions
        self._owner_of = owner_of
        self._catalogue = SeriesCatalogue()
        self._overwriters = Overwriters()

    def forget(self) -> None:
        """Trust nothing that was known of the database."""
        self._partitions.forget()
        self._catalogue.forget()

    async def write(self, batches: Sequence[Batch]) -> None:
        """Store all batches or none."""
        frame = await _resolved(Frame.of(batches))
        fresh, again = self._overwriters.split(frame)
        copied, upserted = Load(fresh, self._owner_of), Load(again, self._owner_of)
        if not copied.tables and not upserted.tables:
            return
        async with self._pool.connection() as connection:
            try:
                await self._store(connection, frame, copied, upserted)
            except asyncpg.CheckViolationError:
                # Somebody has dropped a partition that was known.
                self._partitions.forget()
                await self._store(connection, frame, copied, upserted)

    async def _store(self, connection: Connection, frame: Frame, copied: Load, upserted: Load) -> None:
        await self._make_partitions(connection, copied, upserted)
        try:
            if upserted.tables:
                await self._copy_and_upsert(connection, copied, upserted)
            else:
                await self._copy(connection, copied)
        except (asyncpg.UniqueViolationError, *_LOST):
            await self._upsert_until_won(connection, Load(frame, self._owner_of))

    async def _make_partitions(self, connection: Connection, *loads: Load) -> None:
        for load in loads:
            periods = periods_of(load.frame.timestamps)
            for table in load.tables:
                if not self._partitions.are_known(table, periods):
                    await self._partitions.make(connection, table, periods)

    async def _copy(self, connection: Connection, load: Load) -> None:
        with self._catalogue.remembering(load.frame) as new:
            if not new and len(load.tables) == 1:
                # One statement is a transaction, and costs two round trips less.
                await self._copy_all(connection, load)
                return
            async with transaction(connection):
                await insert_series(connection, new)
                await self._copy_all(connection, load)

    async def _copy_and_upsert(self, connection: Connection, copied: Load, upserted: Load) -> None:
        with self._catalogue.remembering(copied.frame) as new, self._catalogue.remembering(upserted.frame) as also_new:
            async with transaction(connection):
                await insert_series(connection, {**new, **also_new})
                await self._copy_all(connection, copied)
                await self._upsert_all(connection, upserted)

    async def _upsert_until_won(self, connection: Connection, load: Load) -> None:
        for _ in range(_LOST_TRIES):
            try:
                return await self._upsert_and_learn(connection, load)
            except _LOST:
                continue
        return await self._upsert_and_learn(connection, load)

    async def _upsert_and_learn(self, connection: Connection, load: Load) -> None:
        with self._catalogue.remembering(load.frame) as new:
            async with transaction(connection):
                await insert_series(connection, new)
                overwriting = await self._upsert_all(connection, load, learning=True)
        self._overwriters.note(overwriting)

    async def _copy_all(self, connection: Connection, load: Load) -> None:
        for table in load.tables:
            await copy_into(connection, table, load, table, self._pool.timeout)

    async def _upsert_all(self, connection: Connection, load: Load, *, learning: bool = False) -> set[int]:
        """Upsert, and return the devices that have some of these points already, if that is to be learnt."""
        overwriting: set[int] = set()
        for table in load.tables:
            await connection.execute(sql.stage(table))
            await copy_into(connection, sql.staging(table), load, table, self._pool.timeout)
            if learning:
                overwriting.update(row["device_id"] for row in await connection.fetch(sql.overwriting_devices(table)))
            await connection.execute(sql.upsert(table))
        return overwriting


async def _resolved(frame: Frame) -> Frame:
    return frame.resolved() if frame.value_count <= _LOOP_VALUES else await asyncio.to_thread(frame.resolved)
