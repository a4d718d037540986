"""Partitions by time: one for each month from 2000 to 2099, one for each century outside, made when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.postgres.gathering import DATA_TABLE, METADATA_TABLE
from iotflow_server.stores.postgres.pool import Connection, transaction

MONTHS_AHEAD: Final = 3
#: In microseconds.
_DAY: Final = 86_400_000_000
_LOCK: Final = 0x696F_7466_6C6F_7702
_FIRST_MONTHLY_YEAR: Final = 2000
_LAST_MONTHLY_YEAR: Final = 2099
_ATTACHED = """
SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = ANY (ARRAY['telemetry_data', 'telemetry_metadata']::regclass[])
"""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """What one partition holds: the suffix of its name, and its bounds as dates, the end exclusive."""

    suffix: str
    start: str
    end: str


def period_of(year: int, month: int) -> Period:
    """The period that a month lies in."""
    if _FIRST_MONTHLY_YEAR <= year <= _LAST_MONTHLY_YEAR:
        next_year, next_month = (year + 1, 1) if month == 12 else (year, month + 1)
        return Period(f"{year}_{month:02}", f"{year}-{month:02}-01", f"{next_year}-{next_month:02}-01")
    century = year // 100
    # There is no year 0.
    return Period(f"c{century:02}", f"{max(century * 100, 1):04}-01-01", f"{(century + 1) * 100:04}-01-01")


def periods_of(timestamps: Timestamps) -> set[Period]:
    """The periods that timestamps lie in."""
    if not len(timestamps):
        return set()
    ends = {_period_on(int(moment) // _DAY) for moment in (timestamps.min(), timestamps.max())}
    if len(ends) < 2:
        # Nearly every write lies within one.
        return ends
    return {_period_on(day) for day in np.unique(timestamps // _DAY).tolist()}


@lru_cache(maxsize=1024)
def _period_on(day: int) -> Period:
    month = int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))
    return period_of(1970 + month // 12, month % 12 + 1)


def next_month() -> int:
    """When the next month begins, in microseconds since 1970."""
    return int((np.datetime64("now", "M") + 1).astype("datetime64[us]").astype(np.int64))


class Partitions:
    """Knows the partitions that exist, and makes those that do not."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self._making = asyncio.Lock()

    def are_known(self, table: str, periods: Iterable[Period]) -> bool:
        """Whether a table has partitions for periods, as far as this process knows."""
        return all((table, period.suffix) in self._known for period in periods)

    def forget(self) -> None:
        """Ask the database again the next time."""
        self._known.clear()

    async def make(self, connection: Connection, table: str, periods: Iterable[Period]) -> None:
        """Make the partitions of a table that do not exist, in a transaction of their own.

        Attaching takes a lock that neither reads nor writes wait for; other instances wait for each other.
        """
        async with self._making:
            if self.are_known(table, periods):
                return
            async with transaction(connection):
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                attached = {row["relname"] for row in await connection.fetch(_ATTACHED)}
                for period in periods:
                    if f"{table}_{period.suffix}" not in attached:
                        await _make(connection, table, period)
            self._known |= {(table, period.suffix) for period in periods}

    async def make_ahead(self, connection: Connection) -> None:
        """Make those of this month and the next ones, so that no write has to wait for them."""
        now = np.datetime64("now").astype("datetime64[M]")
        months = np.array([now + ahead for ahead in range(MONTHS_AHEAD + 1)], "datetime64[us]").astype(np.int64)
        for table in (DATA_TABLE, METADATA_TABLE):
            await self.make(connection, table, periods_of(months))


async def _make(connection: Connection, table: str, period: Period) -> None:
    name = f"{table}_{period.suffix}"
    was_there = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name)
    await connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)")
    await connection.execute("SELECT watch_partition($1::text::regclass)", name)
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{period.start} 00:00:00+00') TO ('{period.end} 00:00:00+00')"
    )
    if was_there:
        # It was detached by somebody, and its points are back.
        await connection.execute("SELECT iotflow_forget_partition($1::text::regclass)", name)
