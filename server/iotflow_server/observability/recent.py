"""How long something took of late, and how much of it there was."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

import numpy as np

_SECONDS: Final = 10
_MOST: Final = 1_000


class RecentDurations:
    """The durations of the last ten seconds, the last thousand at most."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def add(self, seconds: float) -> None:
        """Note what has just ended."""
        self._entries.append((time.monotonic(), seconds))

    @property
    def p95(self) -> float:
        """What 19 of 20 did not exceed, in seconds; 0 where there were none."""
        since = time.monotonic() - _SECONDS
        recent = [seconds for ended, seconds in self._entries if ended >= since]
        return float(np.percentile(recent, 95)) if recent else 0.0


class RecentCount:
    """Counts by the second, for the last ten whole ones."""

    def __init__(self) -> None:
        self._since = int(time.monotonic())
        self._counts: deque[tuple[int, int]] = deque(maxlen=_SECONDS + 1)

    def add(self, count: int) -> None:
        """Count what has just been done."""
        second = int(time.monotonic())
        if self._counts and self._counts[-1][0] == second:
            count += self._counts.pop()[1]
        self._counts.append((second, count))

    @property
    def per_second(self) -> float:
        """How many there were a second, over the last ten seconds or since the beginning."""
        now = int(time.monotonic())
        whole = sum(count for second, count in list(self._counts) if now - _SECONDS <= second < now)
        return whole / max(min(now - self._since, _SECONDS), 1)
