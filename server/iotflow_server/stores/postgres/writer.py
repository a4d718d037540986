"""Writes points: an optimistic COPY, and where a key exists already an upsert of the same rows."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
import numpy as np

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.merging import merge_by_device
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import SeriesCatalogue, insert_series
from iotflow_server.stores.postgres.errors import message_of, translated
from iotflow_server.stores.postgres.gathering import copy_payloads, point_at
from iotflow_server.stores.postgres.partitions import Partitions, periods_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, bounded, transaction
from iotflow_server.stores.postgres.rows import COLUMNS
from iotflow_server.stores.store import OwnerLookup

#: Times that a write is tried again after it lost against another transaction.
_LOST_TRIES: Final = 5
_LOST: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
#: Classes of SQLSTATE by which the server refuses a value: of its form, or of its size.
_REFUSING: Final = ("22", "54")
_COPY_LINE: Final = re.compile(r"COPY \w+, line (\d+)")
#: More bytes than that are encoded in a thread, lest the event loop stand still.
_LOOP_BYTES: Final = 1 << 19


class PointWriter:
    """Writes batches, each call in one transaction."""

    def __init__(self, pool: PostgresPool, partitions: Partitions, owner_of: OwnerLookup) -> None:
        self._pool = pool
        self._partitions = partitions
        self._owner_of = owner_of
        self._catalogue = SeriesCatalogue()

    def forget(self) -> None:
        """Trust nothing that was known of the database."""
        self._partitions.forget()
        self._catalogue.forget()

    async def write(self, batches: Sequence[Batch]) -> None:
        """Store all batches or none."""
        with translated(self._pool.place):
            merged, payloads = await self._encoded(batches)
        if not payloads:
            return
        async with self._pool.connection() as connection:
            try:
                await self._store(connection, merged, payloads)
            except asyncpg.CheckViolationError:
                # Somebody has dropped a partition that was known.
                self._partitions.forget()
                await self._store(connection, merged, payloads)

    async def _encoded(self, batches: Sequence[Batch]) -> tuple[list[Batch], dict[str, bytes]]:
        def encode() -> tuple[list[Batch], dict[str, bytes]]:
            merged = merge_by_device(batches)
            return merged, copy_payloads(merged, self._owner_of)

        is_small = sum(batch.nbytes for batch in batches) <= _LOOP_BYTES
        return encode() if is_small else await asyncio.to_thread(encode)

    async def _store(self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]) -> None:
        await self._make_partitions(connection, batches, payloads)
        try:
            await self._try_copy(connection, batches, payloads)
        except (asyncpg.UniqueViolationError, *_LOST):
            await self._upsert_until_won(connection, batches, payloads)

    async def _make_partitions(
        self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]
    ) -> None:
        periods = periods_of(np.concatenate([batch.timestamps for batch in batches]))
        for table in payloads:
            if not self._partitions.are_known(table, periods):
                await self._partitions.make(connection, table, periods)

    async def _try_copy(self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]) -> None:
        with self._catalogue.remembering(batches) as new:
            async with transaction(connection):
                await insert_series(connection, new)
                for table, payload in payloads.items():
                    await self._copy(connection, table, payload, table, batches)

    async def _upsert_until_won(
        self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]
    ) -> None:
        for _ in range(_LOST_TRIES):
            try:
                return await self._upsert(connection, batches, payloads)
            except _LOST:
                continue
        return await self._upsert(connection, batches, payloads)

    async def _upsert(self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]) -> None:
        with self._catalogue.remembering(batches) as new:
            async with transaction(connection):
                await insert_series(connection, new)
                for table, payload in payloads.items():
                    await connection.execute(sql.stage(table))
                    await self._copy(connection, table, payload, sql.staging(table), batches)
                    await connection.execute(sql.upsert(table))

    async def _copy(
        self, connection: Connection, table: str, payload: bytes, into: str, batches: Sequence[Batch]
    ) -> None:
        try:
            async with bounded(connection, self._pool.timeout):
                await connection.copy_to_table(into, source=io.BytesIO(payload), columns=list(COLUMNS), format="binary")
        except asyncpg.PostgresError as error:
            if not (error.sqlstate or "").startswith(_REFUSING):
                raise
            raise StoreRefusedError(StoreName.POSTGRES, self._named(error, table, batches)) from error

    def _named(self, error: asyncpg.PostgresError, table: str, batches: Sequence[Batch]) -> str:
        line = _COPY_LINE.search(error.context or "")
        key = point_at(batches, self._owner_of, table, int(line[1])) if line else None
        if key is None:
            return message_of(error)
        moment = np.datetime64(key.timestamp, "us")
        return f"device {key.device_id}, {key.measurement!r} at {moment}Z: {message_of(error)}"
