"""Keeps jobs from copying while the stores change places."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CopyGate:
    """Every copy of a job goes through it; an instance closes it before it confirms that nothing is copied any more."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0

    @asynccontextmanager
    async def copying(self) -> AsyncIterator[None]:
        """Begin once the gate is open. Which store is which is to be looked at within the block."""
        while not self._opened.is_set():
            await self._opened.wait()
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def close(self) -> None:
        """Let nothing begin, and return once nothing is under way."""
        self._opened.clear()
        await self._idle.wait()

    def open(self) -> None:
        """Let copies begin."""
        self._opened.set()
