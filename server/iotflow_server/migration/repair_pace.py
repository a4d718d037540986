"""Holds the background repair back: by a limit of points a second, and while live writes suffer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from iotflow_server.migration.jobs.pacing import BackOff, PointLimit, Strain

#: A wait looks so often whether it has been made needless.
_LOOK_SECONDS: Final = 0.25
#: Of its time the repair works at least so much: where writes go on marking ranges, less would never come to an end.
_LEAST_SHARE: Final = 1 / 2


class RepairPace:
    """To be waited for between two steps of the repair. Nothing holds it back while a transition waits for it."""

    def __init__(self, points_per_second: int, strain: Strain, is_urgent: Callable[[], bool]) -> None:
        """``points_per_second``: points compared, 0 for any number."""
        self._limit = PointLimit()
        self._limit.rate = points_per_second or None
        self._back_off = BackOff(strain, _LEAST_SHARE)
        self._is_urgent = is_urgent

    @property
    def is_owed(self) -> bool:
        """Whether what was done has to be waited for first."""
        return not self._is_urgent() and self._seconds_to_wait > 0

    def compared(self, points: int) -> None:
        """Count points that a step has compared."""
        self._limit.take(points)

    async def rest(self) -> None:
        """Return when the next step may begin."""
        self._back_off.look()
        while not self._is_urgent() and (seconds := self._seconds_to_wait):  # noqa: ASYNC110  # the pace changes
            await asyncio.sleep(min(seconds, _LOOK_SECONDS))

    @property
    def _seconds_to_wait(self) -> float:
        within = time.monotonic() % 1.0
        yielded = 1.0 - within if within > self._back_off.share else 0.0
        return max(self._limit.seconds_to_wait, yielded)
