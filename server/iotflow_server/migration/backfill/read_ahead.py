"""Reads what comes next while what came before is still worked on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from iotflow_server.stores.closing import closing

_Item = TypeVar("_Item")


async def read_ahead(items: AsyncIterator[_Item]) -> AsyncIterator[_Item]:
    """The same items; while one is worked on, the next one is read."""
    coming = asyncio.create_task(_next(items), name="read-ahead")
    async with closing(items):
        try:
            while (item := await coming) is not None:
                coming = asyncio.create_task(_next(items), name="read-ahead")
                yield item
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _next(items: AsyncIterator[_Item]) -> _Item | None:
    return await anext(items, None)
