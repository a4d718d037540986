"""What verifications found, kept in PostgreSQL."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from iotflow_server.migration.verification.differences import Difference, Differences, Place, printable
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction
from iotflow_server.stores.selection import TimeRange

_CLEAR: Final = "DELETE FROM verification_{} WHERE job_id = $1"
_CLEAR_LISTED: Final = (
    "DELETE FROM verification_differences WHERE job_id = $1 AND device_id = $2 "
    "AND timestamp_us >= $3 AND timestamp_us < $4"
)
_PUT_PART: Final = """
INSERT INTO verification_parts VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (job_id, device_id, start_us) DO UPDATE SET
    end_us = excluded.end_us, points = excluded.points, missing = excluded.missing, mismatched = excluded.mismatched,
    extra = excluded.extra, changed = excluded.changed, corrected = excluded.corrected
"""
_PUT_LISTED: Final = (
    "INSERT INTO verification_differences VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
)
_PARTS: Final = (
    "SELECT device_id, start_us, end_us, points, missing, mismatched, extra, changed, corrected "
    "FROM verification_parts WHERE job_id = $1 ORDER BY device_id, start_us"
)
_LISTED: Final = (
    "SELECT device_id, measurement_name, timestamp_us, kind, primary_value, secondary_value, outcome "
    "FROM verification_differences WHERE job_id = $1 ORDER BY device_id, measurement_name, timestamp_us"
)


class DifferenceOutcome(enum.StrEnum):
    """What became of a difference."""

    OPEN = "OPEN"
    #: IoTDB itself changed the point; it is no fault of a copy.
    CHANGED = "CHANGED"
    CORRECTED = "CORRECTED"


@dataclass(frozen=True, slots=True)
class ComparedPart:
    """A part of a device's time, compared; all but ``points`` are points that differed."""

    device_id: int
    time_range: TimeRange
    points: int
    missing: int = 0
    mismatched: int = 0
    extra: int = 0
    changed: int = 0
    corrected: int = 0

    @property
    def differing(self) -> int:
        """Points that differed, those that IoTDB itself has changed not counted."""
        return self.missing + self.mismatched + self.extra

    @property
    def open(self) -> int:
        """Points that still differ."""
        return self.differing - self.corrected


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part with the first of its differences, and what became of each."""

    part: ComparedPart
    differences: Differences
    outcomes: Mapping[Place, DifferenceOutcome]


@dataclass(frozen=True, slots=True)
class ListedDifference:
    """A point that differed; values as people read them, None where a store had none."""

    place: Place
    kind: str
    primary: str | None
    secondary: str | None
    outcome: DifferenceOutcome


class VerificationFindings:
    """Of each job all parts, and at most ``most_listed`` differences one by one.

    Every method raises StoreUnavailableError where PostgreSQL is away.
    """

    def __init__(self, pool: PostgresPool, most_listed: int) -> None:
        self._pool = pool
        self.most_listed = most_listed

    async def clear(self, job_id: int) -> None:
        """Forget what a job found."""
        async with self._pool.connection() as connection, transaction(connection):
            for table in ("parts", "differences"):
                await connection.execute(_CLEAR.format(table), job_id)

    async def put(self, job_id: int, found: Sequence[FoundPart]) -> None:
        """Keep what was found in parts, in place of what was kept of them before."""
        async with self._pool.connection() as connection, transaction(connection):
            await connection.executemany(_CLEAR_LISTED, [(job_id, *_place(one.part)) for one in found])
            await connection.executemany(_PUT_PART, [(job_id, *_place(one.part), *_counts(one.part)) for one in found])
            rows = [row for one in found for row in _rows(job_id, one)]
            room = self.most_listed - await self._listed_count(connection, job_id) if rows else 0
            await connection.executemany(_PUT_LISTED, rows[: max(room, 0)])

    async def parts(self, job_id: int) -> list[ComparedPart]:
        """All parts of a job, by device and time."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_PARTS, job_id)
        return [ComparedPart(row[0], TimeRange(row[1], row[2]), *row[3:]) for row in map(tuple, rows)]

    async def listed(self, job_id: int) -> list[ListedDifference]:
        """The differences that are listed."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_LISTED, job_id)
        return [
            ListedDifference(Place(row[0], row[1], row[2]), row[3], row[4], row[5], DifferenceOutcome(row[6]))
            for row in rows
        ]

    async def _listed_count(self, connection: Connection, job_id: int) -> int:
        count = await connection.fetchval("SELECT count(*) FROM verification_differences WHERE job_id = $1", job_id)
        return int(count)


def _place(part: ComparedPart) -> tuple[int, int, int]:
    return (part.device_id, part.time_range.start, part.time_range.end)


def _counts(part: ComparedPart) -> tuple[int, ...]:
    return (part.points, part.missing, part.mismatched, part.extra, part.changed, part.corrected)


def _rows(job_id: int, found: FoundPart) -> Iterator[tuple[object, ...]]:
    for place in sorted(found.differences):
        yield _row(job_id, place, found.differences[place], found.outcomes[place])


def _row(job_id: int, place: Place, one: Difference, outcome: DifferenceOutcome) -> tuple[object, ...]:
    values = (None if cell is None else str(cell) for cell in (one.primary, one.secondary))
    return (
        job_id,
        place.device_id,
        printable(place.measurement),
        place.timestamp,
        one.kind.value,
        *values,
        outcome.value,
    )
