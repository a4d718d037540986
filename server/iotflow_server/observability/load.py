"""How much a store has to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iotflow_server.observability.recent import RecentCount, RecentDurations


@dataclass(frozen=True, slots=True)
class StoreLoad:
    """Points repaired since the start, points written and reads answered a second, and what 19 of 20 writes and reads
    did not exceed, in seconds."""

    repaired_points: int = 0
    points_per_second: float = 0.0
    reads_per_second: float = 0.0
    write_p95_seconds: float = 0.0
    read_p95_seconds: float = 0.0


def combined(parts: Iterable[StoreLoad]) -> StoreLoad:
    """The load by several instances: rates add up, and of the percentiles the greatest is told."""
    found = list(parts)
    return StoreLoad(
        sum(part.repaired_points for part in found),
        sum(part.points_per_second for part in found),
        sum(part.reads_per_second for part in found),
        max((part.write_p95_seconds for part in found), default=0.0),
        max((part.read_p95_seconds for part in found), default=0.0),
    )


class StoreMeter:
    """Measures the load of one store by this process, over the last ten seconds."""

    def __init__(self) -> None:
        #: Points that the repair has carried to it.
        self.repaired = 0
        #: Writes of callers.
        self.writes = RecentDurations()
        self._points = RecentCount()
        self._reads = RecentDurations()
        self._read_count = RecentCount()

    def wrote(self, points: int) -> None:
        """Count points that callers' writes have brought to it."""
        self._points.add(points)

    def read(self, seconds: float) -> None:
        """Note a read that it has answered."""
        self._reads.add(seconds)
        self._read_count.add(1)

    @property
    def load(self) -> StoreLoad:
        """What it has to do now."""
        rates = self._points.per_second, self._read_count.per_second
        return StoreLoad(self.repaired, *rates, self.writes.p95, self._reads.p95)
