"""Answers queries from the store that reads come from. Each call is served by one store, taken when it begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.metadata import find_facts
from iotflow_server.query.points import by_series, fitting, in_time, key_of, listed
from iotflow_server.query.results import AggregateTable, LatestPoints, Page, PointList, SeriesList
from iotflow_server.query.rows import measured_rows
from iotflow_server.query.tokens import decode_token, encode_token, query_digest
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import Points
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import TelemetryStore


class QueryEngine:
    """Pages, streams, aggregates and lists points.

    The scope of the selections it is given does not matter. Repeated devices count once, unknown devices and
    measurements as nothing. Every method raises StoreUnavailableError where the store cannot be reached.
    """

    def __init__(
        self,
        primary: Callable[[], TelemetryStore],
        *,
        max_page_bytes: int,
        max_aggregate_points: int,
        max_aggregate_rows: int,
    ) -> None:
        self._primary = primary
        self._max_page_bytes = max_page_bytes
        self._max_aggregate_points = max_aggregate_points
        self._max_aggregate_rows = max_aggregate_rows

    async def page(
        self, selection: Selection, *, descending: bool, page_size: int, token: str = "", user_id: int = 0
    ) -> Page:
        """Return at most ``page_size`` points in the order (timestamp, device_id, measurement), fewer where their
        texts are long.

        ``token`` is the one of the page before, empty for the first. ``user_id`` says that the devices are those
        of a user: tokens then stay good when the user gets more devices.

        :raises InvalidTokenError: the token is not one of this query.
        """
        store, selection = self._primary(), _scoped(selection, Scope.DATA)
        digest = query_digest(selection, descending=descending, user_id=user_id)
        after = decode_token(digest, token) if token else None
        batches = await store.page(
            selection, limit=page_size + 1, max_bytes=self._max_page_bytes, descending=descending, after=after
        )
        points = in_time(batches, descending=descending)
        length = min(page_size, fitting(points, self._max_page_bytes))
        more = points.point_count > length
        points = points.first(length)
        next_token = encode_token(digest, key_of(points, -1)) if more else ""
        return Page(await _with_facts(store, points), next_token, store.name)

    def stream(self, selection: Selection, *, descending: bool) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store's name and all points in batches of bounded size, as a scan yields them.

        Each row holds at least one measured value, and its metadata and quality as further columns. Close the
        iterator (``aclose``) when leaving it early.
        """
        store = self._primary()
        return store.name, _measured(store.scan(_scoped(selection, Scope.BOTH), descending=descending))

    async def latest(self, selection: Selection) -> LatestPoints:
        """Return the latest point of each series within the range, ordered by device and measurement."""
        store = self._primary()
        points = by_series(await store.latest(_scoped(selection, Scope.DATA)))
        return LatestPoints(await _with_facts(store, points), store.name)

    async def aggregate(self, selection: Selection, query: AggregateQuery) -> AggregateTable:
        """Aggregate each series.

        :raises AggregateTypeError: an aggregation needs numbers and a series holds something else.
        :raises AggregateOverflowError: a result that is an integer is beyond 64 bits.
        :raises QueryTooLargeError: one device has too many points, or the answer too many rows.
        """
        store = self._primary()
        limits = {"max_points": self._max_aggregate_points, "max_rows": self._max_aggregate_rows}
        aggregator = Aggregator(query, selection.time_range, **limits)
        scope = Scope.DATA if query.quality is None else Scope.BOTH
        async with closing(store.scan(_scoped(selection, scope))) as batches:
            return AggregateTable(await aggregator.consume(batches), store.name)

    async def series(self, device_ids: Sequence[int]) -> SeriesList:
        """Return the series of devices that hold points, ordered by device and measurement."""
        store = self._primary()
        return SeriesList(tuple(await store.list_series(sorted(set(device_ids)))), store.name)


def _scoped(selection: Selection, scope: Scope) -> Selection:
    return replace(selection, device_ids=tuple(sorted(set(selection.device_ids))), scope=scope)


async def _with_facts(store: TelemetryStore, points: Points) -> PointList:
    return listed(points, await find_facts(store, points))


async def _measured(scan: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
    async with closing(scan) as batches:
        async for batch in batches:
            if (rows := measured_rows(batch)) is not None:
                yield rows
