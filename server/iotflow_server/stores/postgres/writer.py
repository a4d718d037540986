"""Writes points: an optimistic COPY, and where keys exist already a removal of those before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.device_ranges import DeviceRanges, span_of
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.amending import amend_points
from iotflow_server.stores.postgres.catalogue import SeriesCatalogue, insert_series
from iotflow_server.stores.postgres.copying import Load, copy_into
from iotflow_server.stores.postgres.generations import change_generations
from iotflow_server.stores.postgres.marks import Marks
from iotflow_server.stores.postgres.overwriters import Overwriters
from iotflow_server.stores.postgres.partitions import Partitions, periods_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction
from iotflow_server.stores.postgres.removal import Removed, remove
from iotflow_server.stores.postgres.stream_writers import refuse_superseded
from iotflow_server.stores.store import Amendment, OwnerLookup

#: Times that a write is tried again after it lost against another transaction.
_LOST_TRIES: Final = 5
_LOST: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
#: What a COPY ends with that meets points, of the table or of another transaction.
_MET: Final = (asyncpg.UniqueViolationError, *_LOST)
_REPLACE_TRIES: Final = 3
#: More values than that are put in order in a thread, lest the event loop stand still.
_LOOP_VALUES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Terms:
    """How a write is to be done: not seen before permission is given, and whether it tells of young points."""

    permission: Permission | None
    tells_young: bool


class PointWriter:
    """Writes batches, each call in one transaction."""

    def __init__(
        self,
        pool: PostgresPool,
        partitions: Partitions,
        marks: Marks,
        owner_of: OwnerLookup,
        *,
        keeps_generations: bool,
    ) -> None:
        self._pool = pool
        self._marks = marks
        self._partitions = partitions
        self._owner_of = owner_of
        self._keeps_generations = keeps_generations
        self._catalogue = SeriesCatalogue()
        self._overwriters = Overwriters()

    def forget(self) -> None:
        """Trust nothing that was known of the database."""
        self._partitions.forget()
        self._catalogue.forget()

    async def write(self, batches: Sequence[Batch], terms: Terms) -> DeviceRanges:
        """Store all batches or none, none before permission; return where young points were replaced.

        :raises WriterSupersededError: points would be replaced for a stream that a later one has superseded.
        """
        frame = await _resolved(Frame.of(batches))
        fresh, again = self._overwriters.split(frame)
        copied, replaced = Load(fresh, self._owner_of), Load(again, self._owner_of)
        if not copied.tables and not replaced.tables:
            return {}
        async with self._pool.connection() as connection:
            await self._marks.look(connection)
            try:
                return await self._store(connection, frame, copied, replaced, terms)
            except asyncpg.CheckViolationError:
                # Somebody has dropped a partition that was known.
                self._partitions.forget()
                return await self._store(connection, frame, copied, replaced, terms)

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Replace and remove what was not written since the mark, and add what is not there; whether that was all."""
        wrong = Load(Frame.of([] if amendment.wrong is None else [amendment.wrong]), self._owner_of)
        right = Load(Frame.of([] if amendment.right is None else [amendment.right]), self._owner_of)
        async with self._pool.connection() as connection:
            await self._marks.look(connection)
            await self._make_partitions(connection, right)
            try:
                with self._catalogue.remembering(right.frame) as new:
                    async with self._transaction(connection, right, wrong):
                        await insert_series(connection, new)
                        return await amend_points(connection, right, wrong.frame, mark, self._pool.timeout)
            except _LOST:
                return False

    async def _store(
        self, connection: Connection, frame: Frame, copied: Load, replaced: Load, terms: Terms
    ) -> DeviceRanges:
        await self._make_partitions(connection, copied, replaced)
        try:
            if replaced.tables:
                return await self._copy_and_replace(connection, copied, replaced, terms)
            await self._copy(connection, copied, terms.permission)
            return {}
        except _MET:
            return await self._replace_until_won(connection, Load(frame, self._owner_of), terms)

    async def _make_partitions(self, connection: Connection, *loads: Load) -> None:
        for load in loads:
            periods = periods_of(load.frame.timestamps)
            for table in load.tables:
                if not self._partitions.are_known(table, periods):
                    await self._partitions.make(connection, table, periods)

    async def _copy(self, connection: Connection, load: Load, permission: Permission | None) -> None:
        with self._catalogue.remembering(load.frame) as new:
            is_plain = not new and len(load.tables) == 1 and not self._keeps_generations
            may_be_seen = permission is None or permission.is_given
            if is_plain and may_be_seen and self._marks.late(load.frame) is None:
                # One statement is a transaction, and costs two round trips less.
                await self._copy_all(connection, load)
                return
            async with self._transaction(connection, load, permission=permission):
                await insert_series(connection, new)
                await self._copy_all(connection, load)

    async def _copy_and_replace(
        self, connection: Connection, copied: Load, replaced: Load, terms: Terms
    ) -> DeviceRanges:
        with self._catalogue.remembering(copied.frame) as new, self._catalogue.remembering(replaced.frame) as also_new:
            async with self._transaction(connection, copied, replaced, permission=terms.permission):
                await insert_series(connection, {**new, **also_new})
                await self._copy_all(connection, copied)
                removed = await self._remove_all(connection, replaced, terms)
                await self._copy_all(connection, replaced)
                if removed.devices:
                    await refuse_superseded(connection, replaced.frame.writers)
        self._overwriters.note(replaced.frame.devices, removed.devices)
        return removed.young

    async def _replace_until_won(self, connection: Connection, load: Load, terms: Terms) -> DeviceRanges:
        nothing = Load(Frame.of(()), self._owner_of)
        for _ in range(_REPLACE_TRIES):
            try:
                return await self._copy_and_replace(connection, nothing, load, terms)
            except _MET:
                # Another process writes the same points.
                continue
        for _ in range(_LOST_TRIES):
            try:
                return await self._upsert(connection, load, terms.permission)
            except _LOST:
                continue
        return await self._upsert(connection, load, terms.permission)

    async def _upsert(self, connection: Connection, load: Load, permission: Permission | None) -> DeviceRanges:
        """The dear way, which waits for other writers instead of failing. Any point may be a young one."""
        with self._catalogue.remembering(load.frame) as new:
            async with self._transaction(connection, load, permission=permission):
                await insert_series(connection, new)
                for table in load.tables:
                    await connection.execute(sql.stage(table))
                    await copy_into(connection, sql.staging(table), load, table, self._pool.timeout)
                    await connection.execute(sql.upsert(table))
                await refuse_superseded(connection, load.frame.writers)
        return {batch.device_id: span_of(batch) for batch in load.frame}

    @asynccontextmanager
    async def _transaction(
        self, connection: Connection, *loads: Load, permission: Permission | None = None
    ) -> AsyncIterator[None]:
        async with transaction(connection):
            if self._keeps_generations:
                await change_generations(connection, [device for load in loads for device in load.frame.devices])
            for late in filter(None, (self._marks.late(load.frame) for load in loads)):
                await self._marks.mark(connection, late)
            yield
            if permission is not None:
                await permission.wait()

    async def _copy_all(self, connection: Connection, load: Load) -> None:
        for table in load.tables:
            await copy_into(connection, table, load, table, self._pool.timeout)

    async def _remove_all(self, connection: Connection, load: Load, terms: Terms) -> Removed:
        """Remove what is there of a load."""
        removed = Removed()
        for table in load.tables:
            removed |= await remove(connection, load.frame, table, tells_young=terms.tells_young)
        return removed


async def _resolved(frame: Frame) -> Frame:
    return frame.resolved() if frame.value_count <= _LOOP_VALUES else await asyncio.to_thread(frame.resolved)
