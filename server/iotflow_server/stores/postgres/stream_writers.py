"""Which stream of a writer is its last one, so that an older one overwrites nothing (docs/adr/0010).

A stream is entered, and that committed, before anything of it is written. A write that has replaced points looks here
after that and before it commits. Either it finds the later stream, and is undone; or that stream begins to write once
the points are locked, so that it waits for this transaction, and comes after it. No lock is needed for that, nor a row
for a writer that has not come again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from iotflow_server.stores.errors import WriterSupersededError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.pool import Connection, PostgresPool
from iotflow_server.stores.stream_writer import StreamWriter

_ENTER: Final = """
INSERT INTO stream_writers AS known (writer_id, attempt, seen_at) VALUES ($1, $2, now())
ON CONFLICT (writer_id) DO UPDATE SET attempt = greatest(known.attempt, excluded.attempt), seen_at = now()
RETURNING attempt
"""
_SUPERSEDED: Final = """
SELECT known.writer_id, known.attempt
FROM stream_writers AS known JOIN unnest($1::text[], $2::bigint[]) AS own (writer_id, attempt) USING (writer_id)
WHERE known.attempt > own.attempt LIMIT 1
"""
_ALL: Final = "SELECT writer_id, attempt FROM stream_writers"
_FORGET: Final = "DELETE FROM stream_writers WHERE seen_at < now() - interval '30 days'"


class StreamWriters:
    """The streams of writers that have connected again. Every method may raise StoreUnavailableError."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def enter(self, writer: StreamWriter) -> None:
        """From now on no earlier stream of the writer overwrites a point.

        :raises WriterSupersededError: there is a later one already.
        """
        async with self._pool.connection() as connection:
            attempt = await connection.fetchval(_ENTER, writer.writer_id, writer.attempt)
        if attempt > writer.attempt:
            raise WriterSupersededError.by(StoreName.POSTGRES, writer.writer_id, attempt)

    async def all(self) -> list[StreamWriter]:
        """The last stream of each."""
        async with self._pool.connection() as connection:
            return [StreamWriter(*row) for row in await connection.fetch(_ALL)]


async def refuse_superseded(connection: Connection, writers: Collection[StreamWriter]) -> None:
    """Return if none of the writers has a later stream. Called last in a transaction that has replaced points of them.

    :raises WriterSupersededError: one has.
    """
    if not writers:
        return
    ids, attempts = [each.writer_id for each in writers], [each.attempt for each in writers]
    found = await connection.fetchrow(_SUPERSEDED, ids, attempts)
    if found is not None:
        raise WriterSupersededError.by(StoreName.POSTGRES, *found)


async def forget_old(connection: Connection) -> None:
    """Remove writers that have not come again for long: whatever they left behind has ended since."""
    await connection.execute(_FORGET)
