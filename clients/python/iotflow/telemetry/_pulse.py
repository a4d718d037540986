"""Waiting, in one event loop, until something has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Pulse:
    """Wakes all who wait; each looks for itself whether what it waits for is so."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        """Wake all who wait."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def next(self, timeout: float | None = None) -> None:
        """Return at the next beat, or after so many seconds."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await asyncio.wait({waiting}, timeout=timeout)
        finally:
            self._waiting.discard(waiting)

    async def until(self, is_so: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until it is so, for at most so many seconds; return whether it is."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        while not is_so():
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                return False
            await self.next(left)
        return True
