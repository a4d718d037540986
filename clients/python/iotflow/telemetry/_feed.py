"""Hands the backlog out to the stream: in order, and a little late, so that messages fill."""

from __future__ import annotations

import time
from typing import Final

from iotflow.telemetry._entries import Entry
from iotflow.telemetry._keeper import Keeper

#: With so much to send, nothing is waited for.
_ENOUGH_BYTES: Final = 256 << 10


class Feed:
    """What is to be sent next."""

    def __init__(self, keeper: Keeper, linger: float) -> None:
        self._keeper = keeper
        self._backlog = keeper.backlog
        self._linger = linger
        self._hurried_through = 0

    def hurry(self) -> None:
        """Let all that is in the backlog now wait no longer."""
        self._hurried_through = self._backlog.last_id
        self._backlog.changed.beat()

    async def take(self) -> list[Entry]:
        """The next entries, at least one; they count as in flight.

        :raises SpoolError: they could not be read back.
        """
        while (pause := self._pause()) is None or pause > 0:
            if not self._backlog.head_payload and self._backlog.has_unloaded:
                await self._keeper.load()
            else:
                await self._backlog.changed.next(pause)
        return self._backlog.take()

    def _pause(self) -> float | None:
        """Seconds until something is to be sent; None where there is nothing to be sent."""
        oldest = self._backlog.next_to_send
        if oldest is None:
            return None
        is_plenty = self._backlog.head_payload >= _ENOUGH_BYTES or self._backlog.has_unloaded
        if is_plenty or oldest.id <= self._hurried_through:
            return 0.0
        # A clock that was set back must not hold it up.
        age = max(0.0, time.time() - oldest.written_at)
        return min(self._linger - age, self._linger)
