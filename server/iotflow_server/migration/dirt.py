"""How much is dirty, and for how long."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: What was noted so lately is repaired as it comes, and holds no transition up: that repairs all there is itself.
FRESH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Dirt:
    """Ranges in which a store may differ, and the seconds since the oldest was noted; infinite where the store may
    lack what was there before it was written at all. ``points`` are those that writes have noted in them, an estimate.
    """

    ranges: int = 0
    lag_seconds: float = 0.0
    points: int = 0

    @property
    def is_fresh(self) -> bool:
        """Whether what there is will be repaired in no time."""
        return self.lag_seconds < FRESH_SECONDS

    def __str__(self) -> str:
        if not self.ranges:
            return "no ranges"
        age = "its history" if math.isinf(self.lag_seconds) else f"the oldest of {self.lag_seconds:.0f} s ago"
        return f"{self.ranges:,} ranges, {self.points:,} points, {age}"


def total(parts: Iterable[Dirt]) -> Dirt:
    """All of it."""
    found = list(parts)
    return Dirt(
        sum(part.ranges for part in found),
        max((part.lag_seconds for part in found), default=0.0),
        sum(part.points for part in found),
    )
