"""Waiting for what tells nobody when it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
