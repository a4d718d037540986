"""Queries that are timed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.results import LatestPoints, Page, SeriesList
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection

#: Is told how many seconds a store took for a read.
Took = Callable[[StoreName, float], None]
Batches = AsyncIterator[Batch]


class Served(Protocol):
    """An answer that names the store that it comes from."""

    @property
    def served_by(self) -> StoreName:
        """The store."""


Answer = TypeVar("Answer", bound=Served)


class Queries(Protocol):
    """Answers queries; see query/engine.py."""

    @property
    def page(self) -> Callable[..., Awaitable[Page]]:
        """Return one page of points."""

    @property
    def stream(self) -> Callable[..., tuple[StoreName, Batches]]:
        """Return the store that answers, and a whole range in batches."""

    @property
    def downsample(self) -> Callable[..., tuple[StoreName, Batches]]:
        """Return the store that answers, and few points of each series."""

    @property
    def latest(self) -> Callable[..., Awaitable[LatestPoints]]:
        """Return the latest point of each series."""

    @property
    def aggregate(self) -> Callable[..., Awaitable[AggregateTable]]:
        """Return the aggregates of each series."""

    @property
    def series(self) -> Callable[..., Awaitable[SeriesList]]:
        """Return the series that hold points."""


class ObservedQueries:
    """Answers as others do, and tells how long each read took that did not fail; a stream until its first batch."""

    def __init__(self, queries: Queries, took: Took) -> None:
        self._queries = queries
        self._took = took

    async def page(self, selection: Selection, **options: Any) -> Page:
        """Return one page of points."""
        return await self._timed(self._queries.page(selection, **options))

    def stream(self, selection: Selection, **options: Any) -> tuple[StoreName, Batches]:
        """Return the store that answers, and a whole range in batches."""
        store, batches = self._queries.stream(selection, **options)
        return store, self._begun(store, batches)

    def downsample(self, selection: Selection, downsampling: Downsampling, **options: Any) -> tuple[StoreName, Batches]:
        """Return the store that answers, and few points of each series."""
        store, batches = self._queries.downsample(selection, downsampling, **options)
        return store, self._begun(store, batches)

    async def latest(self, selection: Selection) -> LatestPoints:
        """Return the latest point of each series."""
        return await self._timed(self._queries.latest(selection))

    async def aggregate(self, selection: Selection, query: AggregateQuery) -> AggregateTable:
        """Return the aggregates of each series."""
        return await self._timed(self._queries.aggregate(selection, query))

    async def series(self, device_ids: Sequence[int], **options: Any) -> SeriesList:
        """Return the series that hold points."""
        return await self._timed(self._queries.series(device_ids, **options))

    async def _timed(self, read: Awaitable[Answer]) -> Answer:
        begin = time.perf_counter()
        answer = await read
        self._took(answer.served_by, time.perf_counter() - begin)
        return answer

    async def _begun(self, store: StoreName, batches: Batches) -> Batches:
        begin: float | None = time.perf_counter()
        async with closing(batches):
            async for batch in batches:
                if begin is not None:
                    self._took(store, time.perf_counter() - begin)
                    begin = None
                yield batch
