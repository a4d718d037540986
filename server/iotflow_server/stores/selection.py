"""What a read or a delete is about."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

#: 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z in microseconds since 1970: what PostgreSQL's users, Python's
#: datetime and google.protobuf.Timestamp can all hold.
MIN_TIMESTAMP: Final = -62_135_596_800_000_000
MAX_TIMESTAMP: Final = 253_402_300_800_000_000


class Scope(enum.Enum):
    """Which series of a device are meant."""

    DATA = "data"
    METADATA = "metadata"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open range [start, end) in microseconds since 1970-01-01T00:00:00Z."""

    start: int = MIN_TIMESTAMP
    end: int = MAX_TIMESTAMP


@dataclass(frozen=True, slots=True)
class Selection:
    """Series of devices in a range of time.

    ``measurements`` restricts data series by name (None means all of them); metadata series are never
    restricted by it, only by ``scope``.
    """

    device_ids: tuple[int, ...]
    measurements: tuple[str, ...] | None = None
    time_range: TimeRange = TimeRange()
    scope: Scope = Scope.DATA


class PointKey(NamedTuple):
    """The place of a point in the order of a query."""

    timestamp: int
    device_id: int
    measurement: str
