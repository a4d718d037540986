"""The rate at which a job works, over the last moments."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

_SECONDS: Final = 15.0


class Meter:
    """Counts points and tells how many there were a second of late."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()
        self._since = time.monotonic()

    def count(self, points: int) -> None:
        """Count points that were done now."""
        self._counts.append((time.monotonic(), points))

    @property
    def per_second(self) -> float:
        """Points a second, over the last fifteen seconds or since the beginning."""
        now = time.monotonic()
        while self._counts and self._counts[0][0] < now - _SECONDS:
            self._counts.popleft()
        return sum(points for _, points in self._counts) / max(min(now - self._since, _SECONDS), 0.001)
