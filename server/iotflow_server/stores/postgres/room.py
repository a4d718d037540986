"""Room for a number of users at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """Lets ``size`` users in; others wait in their order. What asyncio has for that, a semaphore and a timeout around
    it, costs several times as much, whether anybody has to wait or not."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._waiting: deque[asyncio.Future[None]] = deque()

    def enter(self) -> bool:
        """Go in, if there is room and nobody waits for it."""
        if not self._free or self._waiting:
            return False
        self._free -= 1
        return True

    async def wait(self, seconds: float) -> None:
        """Go in once there is room.

        :raises TimeoutError: there was none within ``seconds``.
        """
        if self.enter():
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _give_up, turn)
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # Cancelled when it was its turn already.
                self.leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Go out; whoever waits longest is let in."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _give_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
