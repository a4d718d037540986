"""Answers queries from the store that reads come from. Each call is served by one store, taken when it begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.downsampler import downsampled
from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.figures import needed
from iotflow_server.query.metadata import find_facts
from iotflow_server.query.paging import PageQuery, read_page
from iotflow_server.query.point_list import PointList
from iotflow_server.query.points import by_series
from iotflow_server.query.quality import QualityFlags, rows_of_quality
from iotflow_server.query.results import LatestPoints, Page, SeriesList
from iotflow_server.query.rolled import RolledAggregation
from iotflow_server.query.rows import measured_rows
from iotflow_server.query.timestamp_limit import first_rows
from iotflow_server.query.tokens import decode_token, encode_token, query_digest
from iotflow_server.query.turns import Turns
from iotflow_server.query.windows import Windowing
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import Points
from iotflow_server.stores.rollups import HOUR, Figure
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
        self._turns = Turns()

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
        """Return at most ``page_size`` points in the order (timestamp, device_id, measurement), fewer where their
        texts are long or few are of the ``quality``; at ``max_timestamps`` distinct timestamps over all pages.

        ``token`` is the one of the page before, empty for the first. ``user_id`` says that the devices are those
        of a user: tokens then stay good when the user gets more devices.

        :raises InvalidTokenError: the token is not one of this query.
        """
        store, selection = self._primary(), _scoped(selection, Scope.DATA)
        query = PageQuery(page_size, descending, quality, max_timestamps)
        digest = partial(
            query_digest,
            selection,
            descending=descending,
            user_id=user_id,
            quality=quality,
            max_timestamps=max_timestamps,
        )
        after = decode_token(digest(), token) if token else None
        points, end = await read_page(store, selection, query, after, self._max_page_bytes)
        return Page(points, "" if end is None else encode_token(digest(), end), store.name)

    def stream(
        self,
        selection: Selection,
        *,
        descending: bool,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store's name and all points in batches of bounded size, as a scan yields them, or those at the
        first ``max_timestamps`` of each device.

        Each row holds at least one measured value, and its metadata and quality as further columns. Close the
        iterator (``aclose``) when leaving it early.
        """
        store, selection = self._primary(), _scoped(selection, Scope.BOTH)
        if max_timestamps is None:
            return store.name, _measured(store.scan(selection, descending=descending), quality)
        scans = (
            _measured(store.scan(replace(selection, device_ids=(device_id,)), descending=descending), quality)
            for device_id in selection.device_ids
        )
        return store.name, first_rows(scans, max_timestamps)

    def downsample(
        self, selection: Selection, downsampling: Downsampling, *, descending: bool, quality: QualityFlags = None
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store's name and few points of each series, one batch for each device, without metadata.

        :raises DownsamplingTypeError: a series holds something else than numbers; while the iterator is read.
        :raises QueryTooLargeError: a device has too many points; while the iterator is read.
        """
        store = self._primary()
        scan = store.scan(_scoped(selection, Scope.DATA if quality is None else Scope.BOTH))
        points = _measured(scan, quality)
        return store.name, downsampled(
            points, downsampling, max_points=self._max_aggregate_points, descending=descending
        )

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
        selection = _scoped(selection, Scope.DATA)
        if store.rollups is not None and (figures := _figures_for(query, aggregator.windowing)):
            rolled = RolledAggregation(store, store.rollups, aggregator, query.wanted, figures, self._turns)
            return AggregateTable(tuple(await rolled.rows(selection)), store.name)
        scope = Scope.DATA if query.quality is None else Scope.BOTH
        async with closing(store.scan(_scoped(selection, scope))) as batches:
            return AggregateTable(tuple(await aggregator.consume(batches)), store.name)

    async def series(self, device_ids: Sequence[int], *, count_points: bool = False) -> SeriesList:
        """Return the series of devices that hold points, ordered by device and measurement."""
        store = self._primary()
        found = await store.list_series(sorted(set(device_ids)), count_points=count_points)
        return SeriesList(tuple(found), store.name)


def _figures_for(query: AggregateQuery, windowing: Windowing) -> Collection[Figure] | None:
    """The figures of hours of which the answer follows; None where it needs points."""
    if query.quality is not None or windowing.least_length < HOUR:
        return None
    return needed(query.wanted)


def _scoped(selection: Selection, scope: Scope) -> Selection:
    device_ids = tuple(sorted(set(selection.device_ids)))
    if selection.scope is scope and device_ids == selection.device_ids:
        return selection
    return replace(selection, device_ids=device_ids, scope=scope)


async def _with_facts(store: TelemetryStore, points: Points) -> PointList:
    return PointList(points, await find_facts(store, points))


async def _measured(scan: AsyncIterator[Batch], quality: QualityFlags) -> AsyncIterator[Batch]:
    async with closing(scan) as batches:
        async for batch in batches:
            if (rows := measured_rows(batch)) and (rows := rows_of_quality(rows, quality)):
                yield rows
