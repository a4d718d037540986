"""Dirty ranges in PostgreSQL, shared by all instances: what IoTDB lacks, and what a transition makes dirty."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from iotflow_server.migration.dirt import Dirt
from iotflow_server.migration.dirty_book import Entry
from iotflow_server.migration.merging import NEAR
from iotflow_server.migration.noted_points import NotedPoints
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction
from iotflow_server.stores.selection import TimeRange

#: A range that an instance has claimed is taken by another once that one is silent for so long. Two that repair one
#: range do no harm.
CLAIM_SECONDS: Final = 60
_LONG_SECONDS: Final = 24 * 3600.0
#: -infinity, as PostgreSQL has it.
_ALWAYS: Final = EPOCH_SHIFT - 2**63

#: A range is recorded already if a range that nobody has claimed covers it: a later claim reads after this statement.
_ADD: Final = """
INSERT INTO dirty_ranges (store, device_id, starts_at, ends_at, written_since, noted_at, points)
SELECT $1, device_id, starts_at, ends_at, $5, coalesce($6, now()), points
FROM unnest($2::integer[], $3::timestamptz[], $4::timestamptz[], $7::bigint[])
    AS added (device_id, starts_at, ends_at, points)
WHERE NOT EXISTS (
    SELECT FROM dirty_ranges AS known
    WHERE known.store = $1 AND (known.device_id = added.device_id OR known.device_id IS NULL)
        AND known.starts_at <= added.starts_at AND known.ends_at >= added.ends_at
        AND known.claimed_by IS NULL AND known.written_since IS NULL
)
RETURNING points
"""
_DIRT: Final = """
SELECT store, ranges, points, CASE WHEN isfinite(oldest) THEN extract(epoch FROM clock_timestamp() - oldest)::float8
    ELSE 'infinity' END AS lag_seconds
FROM (
    SELECT store, count(*) AS ranges, sum(points)::bigint AS points, min(noted_at) AS oldest
    FROM dirty_ranges GROUP BY store
) AS noted
"""
#: Too many ranges become one for each device, and with too many devices one for all.
_COUNT_FREE: Final = "SELECT count(*) FROM dirty_ranges WHERE store = $1 AND claimed_by IS NULL"
_WIDEN: Final = """
WITH free AS (
    DELETE FROM dirty_ranges WHERE store = $1 AND claimed_by IS NULL RETURNING *
)
INSERT INTO dirty_ranges (store, device_id, starts_at, ends_at, noted_at, points)
SELECT $1, CASE WHEN $2 THEN device_id END, min(starts_at), max(ends_at), min(noted_at), sum(points) FROM free
GROUP BY CASE WHEN $2 THEN device_id END
"""
#: With the oldest range all free ones near it are claimed, as one. Free is also what this instance has claimed and is
#: not among those in $4, which it holds: it could not give that back while PostgreSQL was away.
_CLAIM: Final = """
WITH oldest AS (
    SELECT * FROM dirty_ranges AS free
    WHERE store = ANY ($2::text[]) AND range_id <> ALL ($4::bigint[])
        AND (claimed_by IS NULL OR claimed_by = $1 OR claimed_by NOT IN (
            SELECT instance_id FROM instances WHERE heard_at > now() - make_interval(secs => $5)))
        AND (store = $3 OR NOT EXISTS (
            SELECT FROM dirty_ranges AS of_primary
            WHERE of_primary.store = $3
                AND (of_primary.device_id = free.device_id OR of_primary.device_id IS NULL OR free.device_id IS NULL)
        ) AND NOT EXISTS (
            SELECT FROM instances WHERE CASE $3 WHEN 'iotdb' THEN dirty_iotdb ELSE dirty_postgres END > 0
        ))
    ORDER BY store <> $3, range_id LIMIT 1 FOR UPDATE SKIP LOCKED
), near AS (
    SELECT near.range_id FROM dirty_ranges AS near, oldest
    WHERE near.store = oldest.store AND near.device_id = oldest.device_id AND near.range_id <> oldest.range_id
        AND (near.claimed_by IS NULL OR near.claimed_by = $1) AND near.range_id <> ALL ($4::bigint[])
        AND near.written_since IS NULL AND oldest.written_since IS NULL
        AND near.starts_at <= oldest.ends_at + make_interval(secs => $6)
        AND near.ends_at >= oldest.starts_at - make_interval(secs => $6)
    FOR UPDATE OF near SKIP LOCKED
), joined AS (
    DELETE FROM dirty_ranges WHERE range_id IN (SELECT range_id FROM near) RETURNING *
), whole AS (
    SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at, min(noted_at) AS noted_at, sum(points) AS points
    FROM (SELECT * FROM oldest UNION ALL SELECT * FROM joined) AS every
)
UPDATE dirty_ranges AS claimed SET claimed_by = $1,
    starts_at = whole.starts_at, ends_at = whole.ends_at, noted_at = whole.noted_at, points = whole.points
FROM oldest, whole WHERE claimed.range_id = oldest.range_id
RETURNING claimed.range_id, claimed.store, claimed.device_id, claimed.starts_at, claimed.ends_at,
    claimed.written_since, claimed.points
"""
_OWN: Final = "WHERE range_id = $1 AND claimed_by = $2"
_RELEASE: Final = f"UPDATE dirty_ranges SET claimed_by = NULL {_OWN}"
_RELEASE_ALL: Final = "UPDATE dirty_ranges SET claimed_by = NULL WHERE claimed_by = $1"
_SHRINK: Final = f"UPDATE dirty_ranges SET starts_at = $3, points = $4 {_OWN}"
_DELETE: Final = f"DELETE FROM dirty_ranges {_OWN} RETURNING noted_at"
_WRITTEN_SINCE: Final = """
SELECT device_id, min(timestamp) AS first, max(timestamp) AS last, count(*) AS points FROM (
    SELECT device_id, timestamp FROM telemetry_data WHERE created_at >= $1
    UNION ALL SELECT device_id, timestamp FROM telemetry_metadata WHERE created_at >= $1
) AS written GROUP BY device_id, date_bin('1 day', timestamp, '2000-01-01') ORDER BY device_id, first
"""


class PostgresDirty:
    """Implements :class:`migration.dirty_book.DirtyBook`; every method may raise StoreUnavailableError."""

    def __init__(self, pool: PostgresPool, instance_id: str, most: int) -> None:
        """``most``: ranges of a store that are kept apart."""
        self._pool = pool
        self._most = most
        self._instance_id = instance_id
        self._noted = NotedPoints()

    async def begin(self) -> None:
        """Give back what this instance had claimed before it was started anew."""
        await self._execute(_RELEASE_ALL, self._instance_id)

    async def add(self, store: StoreName, ranges: Sequence[DirtyRange]) -> None:
        """Return once the ranges are durable."""
        async with self._pool.connection() as connection, transaction(connection):
            added = await _add(connection, store, ranges)
            if added:
                await self._bound(connection, store)
        self._noted.add(store, sum(dirty.points for dirty in ranges) - sum(added))

    async def dirt(self) -> dict[StoreName, Dirt]:
        """How much is dirty, by store."""
        async with self._pool.connection() as connection:
            rows = {row["store"]: row for row in await connection.fetch(_DIRT)}
        found = {store: _dirt(rows[store.value]) if store.value in rows else Dirt() for store in StoreName}
        self._noted.follow({store: dirt.ranges for store, dirt in found.items()})
        return found

    def noted_points(self, store: StoreName) -> int:
        """Points that this instance's writes have noted in ranges that were recorded already: an estimate."""
        return self._noted.of(store)

    async def count(self, store: StoreName) -> int:
        """Ranges in which a store may differ."""
        return (await self.dirt())[store].ranges

    async def claim(self, stores: Sequence[StoreName], *, besides: Collection[int] = ()) -> Entry | None:
        """Return the oldest range of these stores and what is near it, for repair."""
        names = [store.value for store in stores]
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(
                _CLAIM, self._instance_id, names, names[0], list(besides), CLAIM_SECONDS, NEAR / 1_000_000
            )
        return None if row is None else _entry(row)

    async def release(self, entry: Entry) -> None:
        """Give a range back."""
        await self._execute(_RELEASE, entry.id, self._instance_id)

    async def shrink(self, entry: Entry, start: int) -> Entry:
        """Record that a range is repaired up to ``start``."""
        rest = entry.range.beyond(start)
        await self._execute(_SHRINK, entry.id, self._instance_id, start, rest.points)
        return replace(entry, range=rest)

    async def split(self, entry: Entry, parts: Sequence[DirtyRange]) -> None:
        """Replace a range by parts, all or nothing."""
        async with self._pool.connection() as connection, transaction(connection):
            noted_at = await connection.fetchval(_DELETE, entry.id, self._instance_id)
            if noted_at is not None and parts:
                await _add(connection, entry.store, parts, noted_at=noted_at)

    async def written_since(self, moment: int) -> list[DirtyRange]:
        """The ranges of what PostgreSQL has got since a moment, a day of a device at most in each."""
        async with self._pool.connection() as connection, transaction(connection):
            # It reads the whole table.
            await connection.execute("SET LOCAL statement_timeout = 0")
            rows = await connection.fetch(_WRITTEN_SINCE, moment, timeout=_LONG_SECONDS)
        return [DirtyRange(row["device_id"], TimeRange(row["first"], row["last"] + 1), row["points"]) for row in rows]

    async def _bound(self, connection: Connection, store: StoreName) -> None:
        for by_device in (True, False):
            if await connection.fetchval(_COUNT_FREE, store.value) > self._most:
                await connection.execute(_WIDEN, store.value, by_device)

    async def _execute(self, statement: str, *values: object) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement, *values)


async def mark_everything(connection: Connection, store: StoreName, written_since: int | None = None) -> None:
    """Record that a store may differ everywhere, or in what PostgreSQL has got since a moment."""
    await _add(connection, store, [DirtyRange(None, TimeRange())], written_since, _ALWAYS)


async def _add(
    connection: Connection,
    store: StoreName,
    ranges: Sequence[DirtyRange],
    written_since: int | None = None,
    noted_at: int | None = None,
) -> list[int]:
    """Add what is not recorded yet; return the points of each range that was added."""
    devices = [dirty.device_id for dirty in ranges]
    starts = [dirty.time_range.start for dirty in ranges]
    ends = [dirty.time_range.end for dirty in ranges]
    points = [dirty.points for dirty in ranges]
    rows = await connection.fetch(_ADD, store.value, devices, starts, ends, written_since, noted_at, points)
    return [row["points"] for row in rows]


def _dirt(row: Any) -> Dirt:
    return Dirt(row["ranges"], row["lag_seconds"], row["points"])


def _entry(row: Any) -> Entry:
    time_range = TimeRange(row["starts_at"], row["ends_at"])
    dirty = DirtyRange(row["device_id"], time_range, row["points"])
    return Entry(row["range_id"], StoreName(row["store"]), dirty, row["written_since"])
