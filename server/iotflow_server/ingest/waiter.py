"""Who waits for a write."""

from __future__ import annotations

import asyncio
from typing import Protocol

from iotflow_server.routing.outcome import WriteOutcome


class Waiter(Protocol):
    """Hears once, by one of its methods, what became of what it waits for.

    They are called while a flush ends: they note it, and neither raise nor take long. A future for each message would
    cost it a turn of the event loop.
    """

    def stored(self, outcome: WriteOutcome) -> None:
        """It is durable, but for the outcome's refusals."""

    def failed(self, error: Exception) -> None:
        """It was not stored, or not for certain."""

    def withdrawn(self) -> None:
        """It was given up before its flush began."""


class FutureWaiter:
    """A future as a waiter. Whoever awaits it may go away: that does not stop the write."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[WriteOutcome] = asyncio.get_running_loop().create_future()

    def stored(self, outcome: WriteOutcome) -> None:
        """See :class:`Waiter`."""
        if not self.future.done():
            self.future.set_result(outcome)

    def failed(self, error: Exception) -> None:
        """See :class:`Waiter`."""
        if not self.future.done():
            self.future.set_exception(error)
            # The caller may have gone: then nobody fetches it.
            self.future.exception()

    def withdrawn(self) -> None:
        """See :class:`Waiter`."""
        self.future.cancel()
