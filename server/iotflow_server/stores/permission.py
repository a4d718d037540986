"""Lets one store get a write ready while another one still has to take it."""

from __future__ import annotations

import asyncio


class WithdrawnError(Exception):
    """A write is not to be done after all; nothing of it was stored."""


class Permission:
    """Says when what is ready may be seen by others, or that it never may."""

    def __init__(self) -> None:
        self._given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Seconds for which something that was ready has waited.
        self.waited = 0.0

    @property
    def is_given(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self._given.done() and self._given.exception() is None

    def give(self) -> None:
        """Let it be seen."""
        self._given.set_result(None)

    def refuse(self) -> None:
        """Let it be undone."""
        self._given.set_exception(WithdrawnError())
        # Nothing may wait for it.
        self._given.exception()

    async def wait(self) -> None:
        """Return once it is given.

        :raises WithdrawnError: it is refused.
        """
        if self.is_given:
            return
        loop = asyncio.get_running_loop()
        begin = loop.time()
        try:
            await asyncio.shield(self._given)
        finally:
            self.waited += loop.time() - begin
