"""Leaves the event loop to calls: work in the background rests the longer between two steps the busier the loop is."""

from __future__ import annotations

import asyncio
import time
from typing import Final

#: While it rests so long, all that the loop does is done for others.
_SAMPLE_SECONDS: Final = 0.05
#: What was found of the load is believed for so long.
_LOOK_SECONDS: Final = 1.0
#: Of its time the work goes on at least so much.
_LEAST_SHARE: Final = 1 / 16


class Courtesy:
    """Takes the share of the time in which the event loop would else be idle. To be used on that loop's thread."""

    def __init__(self) -> None:
        self._looked = float("-inf")
        self._share = 1.0

    async def rest(self, worked: float) -> None:
        """Return when the next step may follow one of ``worked`` seconds."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            await self._look()
        await asyncio.sleep(worked * (1 / self._share - 1))

    async def _look(self) -> None:
        cpu, begin = time.thread_time(), time.monotonic()
        await asyncio.sleep(_SAMPLE_SECONDS)
        self._looked = time.monotonic()
        busy = (time.thread_time() - cpu) / (self._looked - begin)
        self._share = max(1 - busy, _LEAST_SHARE)
