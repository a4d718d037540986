"""Waiting for what tells nobody when it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def until_told(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once a condition that has to be asked for holds."""
    while not await condition():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
