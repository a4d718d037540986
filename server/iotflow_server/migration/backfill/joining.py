"""Joins small pages, which are of many devices or of files that overlap, for the target to take at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.history import HistoryPage

#: Values stored at once, where pages are smaller than that.
_FILL_VALUES: Final = 50_000


async def joined(pages: AsyncIterator[HistoryPage]) -> AsyncIterator[list[HistoryPage]]:
    """Yield pages together, in their order."""
    some: list[HistoryPage] = []
    values = 0
    async with closing(pages):
        async for page in pages:
            some.append(page)
            values += values_of(page.batch)
            if values >= _FILL_VALUES:
                yield some
                some, values = [], 0
        if some:
            yield some


def values_of(batch: Batch) -> int:
    """Values of all columns, metadata included."""
    return sum(map(len, batch.columns))
