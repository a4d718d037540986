"""The way of a read where a share of them is repeated on the other store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.results import LatestPoints, Page, SeriesList
from iotflow_server.shadow.question import Method, PageOptions, Question
from iotflow_server.shadow.shadow_reads import ShadowReads
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection

#: Points of a stream that are compared.
_STREAMED_POINTS: Final = 1_000


class ShadowedQueries:
    """Answers as the engine does. Of a stream the first points are compared, whether or not it is read to its end."""

    def __init__(self, engine: QueryEngine, shadow: ShadowReads) -> None:
        self._engine = engine
        self._shadow = shadow

    async def page(
        self,
        selection: Selection,
        *,
        descending: bool,
        page_size: int,
        token: str = "",
        user_id: int = 0,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> Page:
        """Return one page of points."""
        page = await self._engine.page(
            selection,
            descending=descending,
            page_size=page_size,
            token=token,
            user_id=user_id,
            quality=quality,
            max_timestamps=max_timestamps,
        )
        options = PageOptions(descending, page_size, token, user_id, quality, max_timestamps)
        self._repeat(Question(Method.PAGE, selection, options))
        return page

    def stream(
        self,
        selection: Selection,
        *,
        descending: bool,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store that answers, and a whole range in batches."""
        options = PageOptions(descending, _STREAMED_POINTS, quality=quality, max_timestamps=max_timestamps)
        self._repeat(Question(Method.STREAM, selection, options))
        return self._engine.stream(selection, descending=descending, quality=quality, max_timestamps=max_timestamps)

    def downsample(
        self, selection: Selection, downsampling: Downsampling, *, descending: bool, quality: QualityFlags = None
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store that answers, and few points of each series."""
        return self._engine.downsample(selection, downsampling, descending=descending, quality=quality)

    async def latest(self, selection: Selection) -> LatestPoints:
        """Return the latest point of each series."""
        points = await self._engine.latest(selection)
        self._repeat(Question(Method.LATEST, selection))
        return points

    async def aggregate(self, selection: Selection, query: AggregateQuery) -> AggregateTable:
        """Return the aggregates of each series."""
        table = await self._engine.aggregate(selection, query)
        self._repeat(Question(Method.AGGREGATE, selection, aggregates=query))
        return table

    async def series(self, device_ids: Sequence[int], *, count_points: bool = False) -> SeriesList:
        """Return the series that hold points."""
        return await self._engine.series(device_ids, count_points=count_points)

    def _repeat(self, question: Question) -> None:
        if self._shadow.is_chosen:
            self._shadow.repeat(question)
