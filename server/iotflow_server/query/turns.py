"""When aggregations go on: one after the other, lest all of them are late together, and other calls with them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

#: A listener takes in a call in about so many turns of the event loop: calls come in as fast as short ones are
#: answered, and so wait in one queue, in their order, not each in that of its listener.
_APART: Final = 3
#: Long ones at once: enough for PostgreSQL to read for some while others are computed.
_LONG: Final = 4
#: Those that take longer hold up nobody for more than so many seconds.
_PATIENCE: Final = 1.0


class Turns:
    """Short aggregations are computed on the event loop, one at a time and some of its turns apart; long ones are read
    and computed a few at once. Others wait in their order."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        """``patience``: seconds after which a long one goes on whoever else does."""
        self._patience = patience
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._long = asyncio.Semaphore(_LONG)

    @asynccontextmanager
    async def long(self) -> AsyncIterator[None]:
        """The turn of a long one."""
        try:
            async with asyncio.timeout(self._patience):
                await self._long.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._long.release()

    async def short(self) -> None:
        """Return when it is the turn of a short one, which lasts until it waits for something."""
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._pass_on, loop, _APART - 1)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _pass_on(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        if left:
            loop.call_soon(self._pass_on, loop, left - 1)
            return
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                loop.call_soon(self._pass_on, loop, _APART - 1)
                return
        self._is_taken = False
