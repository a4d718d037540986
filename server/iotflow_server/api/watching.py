"""Streams of a state that changes, for any number of watchers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

#: Between two looks, however many watch.
LOOK_SECONDS: Final = 1.0

Item = TypeVar("Item")


class SharedLook(Generic[Item]):
    """Looks at something once a second at most, for all who watch it; not at all while nobody does.

    A watcher that is slow misses what was between, and costs nothing meanwhile.
    """

    def __init__(self, look: Callable[[], Awaitable[Item]]) -> None:
        self._look = look
        self._looking = asyncio.Lock()
        self._seen: tuple[float, Item] | None = None

    async def watch(self, gist: Callable[[Item], Hashable], every_seconds: float) -> AsyncIterator[Item]:
        """Yield the state now, whenever its gist has changed, and after so long where it has not."""
        shown: Hashable = None
        due = 0.0
        while True:
            item = await self._newest()
            if (told := gist(item)) != shown or time.monotonic() >= due:
                shown, due = told, time.monotonic() + every_seconds
                yield item
            await asyncio.sleep(LOOK_SECONDS)

    async def _newest(self) -> Item:
        async with self._looking:
            # Those who wait here are all content with one look.
            if self._seen is None or time.monotonic() - self._seen[0] >= LOOK_SECONDS:
                item = await self._look()
                self._seen = (time.monotonic(), item)
            return self._seen[1]


async def until_drained(items: AsyncIterator[Item], drained: asyncio.Event) -> AsyncIterator[Item]:
    """Yield items until there are no more, or the server drains."""
    while (item := await _next(items, drained)) is not None:
        yield item


async def _next(items: AsyncIterator[Item], drained: asyncio.Event) -> Item | None:
    coming = asyncio.ensure_future(anext(items, None))
    draining = asyncio.ensure_future(drained.wait())
    try:
        await asyncio.wait({coming, draining}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        for task in (coming, draining):
            task.cancel()
        await asyncio.gather(coming, draining, return_exceptions=True)
