"""Tells whether the points of devices have changed since a result was computed of them (docs/adr/0012).

Every device has a token, changed in the very transaction that changes its points. A digest of tokens that was read
before the points were is good for as long as it is read again: nothing has been committed in between.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction
from iotflow_server.stores.postgres.read_connections import ReadConnections

#: Any number that no other program locks in the same database.
_LOCK: Final = 0x696F_7466_6C6F_7703
_DIGEST: Final = """
SELECT sha256(string_agg(uuid_send(token), NULL ORDER BY device_id)) FROM result_generations
WHERE device_id = ANY ($1::integer[])
"""
#: In the order of the key, lest two transactions wait for each other.
_CHANGE: Final = """
WITH changed AS (
    INSERT INTO result_generations (device_id, token)
    SELECT device_id, gen_random_uuid() FROM unnest($1::integer[]) AS written (device_id)
    ON CONFLICT (device_id) DO UPDATE SET token = excluded.token
)
SELECT set_config('iotflow.generations_changed', 'on', true)
"""
_ALL_DEVICES: Final = 0


class Generations:
    """The digests of devices' tokens. Every method may raise StoreUnavailableError."""

    def __init__(self, pool: PostgresPool, reads: ReadConnections) -> None:
        self._pool = pool
        self._reads = reads
        self._are_kept = False

    async def digest(self, device_ids: Sequence[int]) -> bytes:
        """The state of devices' points as of now: another one after every change that is committed."""
        if not self._are_kept:
            await self._keep()
        ((found,),) = await self._reads.fetch(_DIGEST, [_ALL_DEVICES, *device_ids])
        return bytes(found)

    async def _keep(self) -> None:
        """See to it that tokens are kept by whoever writes; waits for transactions that write now."""
        for table in (DATA_TABLE, METADATA_TABLE):
            # One after the other: a writer may have the second already, and wait for the first.
            async with self._pool.connection() as connection, transaction(connection):
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute("SELECT keep_generations($1::text::regclass)", table)
        self._are_kept = True


async def change_generations(connection: Connection, device_ids: Collection[int]) -> None:
    """Give devices new tokens. Called first in a transaction that changes points of these devices and no others."""
    await connection.execute(_CHANGE, sorted(set(device_ids)))
