"""What the refresher of rollups does in the database, by a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import numpy as np

from iotflow_server.stores.batch import Kind, Timestamps, Values
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.postgres.catalogue import bit_of
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.errors import translated
from iotflow_server.stores.postgres.gathering import DATA_TABLE
from iotflow_server.stores.postgres.packed import FIXED, unpack_timestamps, unpack_values
from iotflow_server.stores.postgres.read_connections import PLANNING
from iotflow_server.stores.postgres.read_sql import next_points
from iotflow_server.stores.postgres.rollup_reader import of_day
from iotflow_server.stores.rollups import DAY, Figure, RolledDay
from iotflow_server.stores.selection import MIN_TIMESTAMP

#: Any number that no other program locks in the same database.
_LOCK: Final = 0x696F_7466_6C6F_7704
_COLUMNS: Final = ("device_id", "measurement_name", "day", "hours", *Figure, *map(of_day, Figure))
_ANNOUNCE: Final = "UPDATE rollup_state SET marked_before = $1 WHERE marked_before < $1"
_REACHED: Final = "SELECT until FROM rollup_state FOR UPDATE"
_REACH: Final = "UPDATE rollup_state SET until = $1, marked_before = greatest(marked_before, $1)"
_MARK_ALL: Final = "INSERT INTO rollup_marks (device_id, start, stop) VALUES (0, $1, $2)"
_WRITERS: Final = f"""
SELECT DISTINCT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = '{DATA_TABLE}'::regclass AND granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock', 'ShareUpdateExclusiveLock')
"""
_MARKED_FOR_ALL: Final = "SELECT id FROM rollup_marks WHERE device_id = 0"
_EXPAND: Final = """
WITH taken AS (DELETE FROM rollup_marks WHERE id = ANY ($1::bigint[]) RETURNING start, stop),
    whole AS (SELECT min(start) AS start, max(stop) AS stop FROM taken)
INSERT INTO rollup_marks (device_id, start, stop)
SELECT DISTINCT device_id, start, stop FROM telemetry_series, whole WHERE start IS NOT NULL
"""
#: The next marked device, unless another process is at it; and how far figures reach.
_NEXT: Final = """
SELECT until, CASE WHEN pg_try_advisory_xact_lock($1)
    THEN (SELECT device_id FROM rollup_marks WHERE device_id <> 0 ORDER BY id LIMIT 1) END AS device_id
FROM rollup_state
"""
_OF_DEVICE: Final = "SELECT id, start, stop FROM rollup_marks WHERE device_id = $1"
_SERIES: Final = f"""
SELECT measurement_name FROM telemetry_series WHERE device_id = $1 AND NOT starts_with(measurement_name, 'meta_')
    AND kinds IN ({bit_of(Kind.NUMERIC)}, {bit_of(Kind.INTEGER)})
"""
_CLEAR: Final = "DELETE FROM telemetry_rollups WHERE device_id = $1 AND day >= $2 AND day < $3"
_DONE: Final = "DELETE FROM rollup_marks WHERE id = ANY ($1::bigint[])"
_LEFT: Final = "INSERT INTO rollup_marks (device_id, start, stop) VALUES ($1, $2, $3)"
#: Marks are counted up to a bound: a raise of until makes one for each device.
_STATE: Final = """
SELECT until, (SELECT count(*) FROM (SELECT FROM rollup_marks LIMIT 100000) AS counted) AS marks FROM rollup_state
"""
_NOW: Final = "SELECT clock_timestamp()"
_POINTS: Final = next_points(descending=False, metadata=False)
_FIRST: Final = MIN_TIMESTAMP - EPOCH_SHIFT
#: Points read at once, over all series of a device; more only where one day has more.
_STEP_POINTS: Final = 200_000
_PAUSE_SECONDS: Final = 0.05

_Points = tuple[SeriesKey, Kind, Timestamps, Values]


@dataclass(frozen=True, slots=True)
class RollupState:
    """Figures hold before ``until`` (microseconds since 1970) but for so many ``marks``."""

    until: int
    marks: int


#: Makes figures of the points of a series: device, name, kind, timestamps and values.
Roll = Callable[[SeriesKey, Kind, Timestamps, Values], Iterable[RolledDay]]


class RollupWork:
    """The refresher's statements, one after the other, on a connection of their own. Raises what PostgreSQL raises."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def now(self) -> int:
        """The database's time, in microseconds since 1970."""
        return int(await self._connection.fetchval(_NOW)) + EPOCH_SHIFT

    async def state(self) -> RollupState:
        """How far figures reach."""
        row = await self._connection.fetchrow(_STATE)
        assert row is not None
        return RollupState(row["until"] + EPOCH_SHIFT, row["marks"])

    async def announce(self, until: int) -> None:
        """Ask writers to mark what they change before a moment."""
        await self._connection.execute(_ANNOUNCE, until - EPOCH_SHIFT)

    async def reach(self, until: int) -> None:
        """Let figures hold up to a moment, but for a mark on all that is new."""
        async with self._connection.transaction():
            reached = await self._connection.fetchval(_REACHED)
            if reached < until - EPOCH_SHIFT:
                await self._connection.execute(_MARK_ALL, reached, until - EPOCH_SHIFT)
                await self._connection.execute(_REACH, until - EPOCH_SHIFT)

    async def expand(self) -> None:
        """Make marks for all devices marks for each one.

        Waits for the writers that are at work: of what these do not mark nobody would know afterwards.
        """
        ids = [row["id"] for row in await self._connection.fetch(_MARKED_FOR_ALL)]
        if ids:
            await self._let_writers_end()
            await self._connection.execute(_EXPAND, ids)

    async def refresh(self, roll: Roll) -> int | None:
        """Compute the figures of one device anew where it is marked, or of a part of that; all or nothing.

        Return how many points they were computed of; None where nothing is marked, or another process is at it.
        """
        async with self._connection.transaction(isolation="repeatable_read"):
            row = await self._connection.fetchrow(_NEXT, _LOCK)
            assert row is not None
            return None if row["device_id"] is None else await self._refresh(row["device_id"], row["until"], roll)

    async def _refresh(self, device_id: int, until: int, roll: Roll) -> int:
        ids, start, end = _first_range(await self._connection.fetch(_OF_DEVICE, device_id), until)
        names = [row["measurement_name"] for row in await self._connection.fetch(_SERIES, device_id)]
        points, reached = await self._points(device_id, names, start, end) if start < end else ([], end)
        await self._connection.execute(_CLEAR, device_id, start, reached)
        if points:
            rows = await asyncio.to_thread(_rows, points, roll)
            await self._connection.copy_records_to_table("telemetry_rollups", records=rows, columns=_COLUMNS)
        await self._connection.execute(_DONE, ids)
        if reached < end:
            await self._connection.execute(_LEFT, device_id, reached, end)
        return sum(len(timestamps) for _, _, timestamps, _ in points)

    async def _points(self, device_id: int, names: list[str], start: int, end: int) -> tuple[list[_Points], int]:
        """The first points of series in a range of whole days, and the end of the days that they are all of."""
        limit = max(_STEP_POINTS // max(len(names), 1), 1)
        while True:
            count = len(names)
            parameters = [device_id] * count, names, [start] * count, [end] * count, limit, 0
            rows = await self._connection.fetch(_POINTS, *parameters)
            found = [_unpacked(row) for row in rows if row["timestamps"] is not None]
            lasts = [int(timestamps[-1]) for _, _, timestamps, _ in found if len(timestamps) == limit]
            reached = min([end + EPOCH_SHIFT, *(last // DAY * DAY for last in lasts)])
            if reached > start + EPOCH_SHIFT:
                return [_before(reached, one) for one in found], reached - EPOCH_SHIFT
            limit *= 4

    async def _let_writers_end(self) -> None:
        writers = await self._writers()
        while writers:
            await asyncio.sleep(_PAUSE_SECONDS)
            writers &= await self._writers()

    async def _writers(self) -> set[str]:
        return {row["virtualtransaction"] for row in await self._connection.fetch(_WRITERS)}


def _first_range(marks: Sequence[asyncpg.Record], until: int) -> tuple[list[int], int, int]:
    """The first whole days that marks touch without a day between them: which marks, and bounds up to ``until``."""
    ordered = sorted((*_days(mark["start"], mark["stop"]), mark["id"]) for mark in marks)
    ids, (start, end, _) = [], ordered[0]
    for first, stop, number in ordered:
        if first > end:
            break
        ids.append(number)
        end = max(end, stop)
    return ids, max(start, _FIRST), min(end, until)


def _days(start: int, stop: int) -> tuple[int, int]:
    """The days that a range touches. Both ends may be infinite."""
    return start // DAY * DAY, -(-stop // DAY) * DAY


def _unpacked(row: asyncpg.Record) -> _Points:
    kind = FIXED[row["kinds"]]
    _, values = unpack_values(row["kinds"], row["packed"])
    return SeriesKey(row["device_id"], row["measurement_name"]), kind, unpack_timestamps(row["timestamps"]), values


def _before(end: int, points: _Points) -> _Points:
    key, kind, timestamps, values = points
    count = int(np.searchsorted(timestamps, end))
    return key, kind, timestamps[:count], values[:count]


def _rows(points: Sequence[_Points], roll: Roll) -> list[tuple[Any, ...]]:
    return [
        (*one[0], day.day - EPOCH_SHIFT, day.hours, *map(day.figures.get, Figure), *map(day.whole.get, Figure))
        for one in points
        if len(one[2])
        for day in roll(*one)
    ]


@asynccontextmanager
async def rollup_work(dsn: str, place: str, seconds: float) -> AsyncIterator[RollupWork]:
    """A connection to refresh figures by, which is patient for so long; errors within become errors of the store."""
    with translated(place):
        connection = await asyncpg.connect(
            dsn,
            timeout=seconds,
            command_timeout=seconds,
            server_settings={
                "application_name": "iotflow-rollups",
                "timezone": "UTC",
                "statement_timeout": f"{int(seconds * 1000) + 1000}ms",
                "idle_in_transaction_session_timeout": "60s",
                **PLANNING,
            },
        )
        try:
            await connection.set_builtin_type_codec("timestamptz", schema="pg_catalog", codec_name="int8")
            yield RollupWork(connection)
        finally:
            connection.terminate()
