"""Writes points: an optimistic COPY, and where a key exists already an upsert of the same rows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
import numpy as np

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.catalogue import SeriesCatalogue
from iotflow_server.stores.postgres.gathering import copy_payloads
from iotflow_server.stores.postgres.merging import merge_by_device
from iotflow_server.stores.postgres.partitions import Partitions, periods_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool
from iotflow_server.stores.postgres.rows import COLUMNS
from iotflow_server.stores.store import OwnerLookup

#: Times that a write is tried again after it lost against another transaction.
_LOST_TRIES: Final = 5
_LOST: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


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
        merged = merge_by_device(batches)
        payloads = copy_payloads(merged, self._owner_of)
        if not payloads:
            return
        async with self._pool.connection() as connection:
            await self._make_partitions(connection, merged, payloads)
            try:
                await self._try_copy(connection, merged, payloads)
            except asyncpg.UniqueViolationError:
                await self._upsert_until_won(connection, merged, payloads)

    async def _make_partitions(
        self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]
    ) -> None:
        periods = periods_of(np.concatenate([batch.timestamps for batch in batches]))
        for table in payloads:
            if not self._partitions.are_known(table, periods):
                await self._partitions.make(connection, table, periods)

    async def _try_copy(self, connection: Connection, batches: Sequence[Batch], payloads: Mapping[str, bytes]) -> None:
        async with connection.transaction(), self._catalogue.remembering(connection, batches):
            for table, payload in payloads.items():
                await _copy(connection, table, payload)

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
        async with connection.transaction(), self._catalogue.remembering(connection, batches):
            for table, payload in payloads.items():
                await connection.execute(sql.stage(table))
                await _copy(connection, sql.staging(table), payload)
                await connection.execute(sql.upsert(table))


async def _copy(connection: Connection, table: str, payload: bytes) -> None:
    await connection.copy_to_table(table, source=io.BytesIO(payload), columns=list(COLUMNS), format="binary")
