"""How long something took of late."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

import numpy as np

_SECONDS: Final = 10.0
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
