"""Lets go of a scan at once when its reader stops early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

_Item = TypeVar("_Item")


@asynccontextmanager
async def closing(batches: AsyncIterator[_Item]) -> AsyncIterator[AsyncIterator[_Item]]:
    """Close a scan on leaving, so that its connection is free again before the garbage collector comes."""
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()
