"""Bounds what is taken but not yet stored, in bytes."""

from __future__ import annotations

import asyncio
from collections import deque

from iotflow_server.ingest.errors import OverloadedError

#: What an overloaded caller is told to wait: about the time of a few flushes.
RETRY_AFTER_SECONDS = 0.25


class ByteBudget:
    """A counter of bytes with a limit, first come, first served.

    One request larger than the whole limit is let through alone, so that nothing waits for ever.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes held now."""
        return self._used

    def reserve_now(self, nbytes: int) -> None:
        """Take room, or raise.

        :raises OverloadedError: there is no room, or others wait for it.
        """
        if not self.reserved(nbytes):
            raise OverloadedError(RETRY_AFTER_SECONDS)

    def reserved(self, nbytes: int) -> bool:
        """Take room if there is some and nobody waits for it; whether that is so."""
        if self._waiting or not self._has_room(nbytes):
            return False
        self._used += nbytes
        return True

    async def reserve(self, nbytes: int) -> None:
        """Take room, waiting for it."""
        if self.reserved(nbytes):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (nbytes, turn)
        self._waiting.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(entry)
            raise

    def release(self, nbytes: int) -> None:
        """Give room back."""
        self._used -= nbytes
        self._wake()

    def _has_room(self, nbytes: int) -> bool:
        return self._used == 0 or self._used + nbytes <= self._limit

    def _give_up(self, entry: tuple[int, asyncio.Future[None]]) -> None:
        nbytes, turn = entry
        if turn.done() and not turn.cancelled():
            self.release(nbytes)
        elif entry in self._waiting:
            self._waiting.remove(entry)
            self._wake()

    def _wake(self) -> None:
        while self._waiting and self._has_room(self._waiting[0][0]):
            nbytes, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._used += nbytes
                turn.set_result(None)
