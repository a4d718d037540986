"""Lets go of a scan at once when its reader stops early."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from iotflow_server.stores.batch import Batch


@asynccontextmanager
async def closing(batches: AsyncIterator[Batch]) -> AsyncIterator[AsyncIterator[Batch]]:
    """Close a scan on leaving, so that its connection is free again before the garbage collector comes."""
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()
