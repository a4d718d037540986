"""Queries of the asyncio client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from iotflow.telemetry import _calls
from iotflow.telemetry._aggregates import Aggregates
from iotflow.telemetry._asking import Asking
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._enums import Aggregation, CalendarUnit, DownsamplingMethod, Fill, Order
from iotflow.telemetry._filters import telemetry_filter
from iotflow.telemetry._points import LatestPoints, Page, Point, SeriesList
from iotflow.telemetry._series import SeriesCollector, SeriesData, SeriesSet, decode_batch
from iotflow.telemetry._times import Moment


class TelemetryReads(Asking):
    """The reading half of TelemetryClient; see there how points are chosen."""

    async def query(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        start: Moment | None = None,
        end: Moment | None = None,
        quality_flags: Iterable[int] = (),
        order: Order | str = Order.ASCENDING,
        max_timestamps: int = 0,
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Page:
        """One page of points, ordered by timestamp, device and measurement.

        ``page_size`` is 1 to 10,000 points, 0 for 1,000. ``page_token`` is ``next_page_token`` of the page before, with
        all else as it was. ``max_timestamps`` ends the query, over all its pages, after so many distinct timestamps.
        Unknown devices and measurements have no points and are no error.
        """
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        return await self._answer(_calls.query(chosen, order, page_size, page_token, max_timestamps), timeout)

    async def iter_points(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        start: Moment | None = None,
        end: Moment | None = None,
        quality_flags: Iterable[int] = (),
        order: Order | str = Order.ASCENDING,
        max_timestamps: int = 0,
        page_size: int = 0,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> AsyncIterator[Point]:
        """All points in the order of query, page by page; ``timeout`` is that of each page."""
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        token = ""
        while True:
            page = await self._answer(_calls.query(chosen, order, page_size, token, max_timestamps), timeout)
            for point in page.points:
                yield point
            token = page.next_page_token
            if not token:
                return

    async def query_columns(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        start: Moment | None = None,
        end: Moment | None = None,
        quality_flags: Iterable[int] = (),
        order: Order | str = Order.ASCENDING,
        max_timestamps: int = 0,
        downsample_to: int = 0,
        downsampling: DownsamplingMethod | str = DownsamplingMethod.LTTB,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> SeriesSet:
        """Whole ranges as numpy columns, one SeriesData for each device and measurement; all of it in memory.

        ``max_timestamps`` of each device at most, the first in this order. ``downsample_to`` returns no more points of
        each series than that, 4 to 100,000: those that a plot of it needs, without metadata and quality.
        """
        collector = SeriesCollector()
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        request = _calls.query_stream(chosen, order, max_timestamps, downsample_to, downsampling)
        async for response in self._responses("QueryTelemetryStream", request, timeout):
            collector.add(response)
        return collector.result()

    async def iter_columns(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        start: Moment | None = None,
        end: Moment | None = None,
        quality_flags: Iterable[int] = (),
        order: Order | str = Order.ASCENDING,
        max_timestamps: int = 0,
        downsample_to: int = 0,
        downsampling: DownsamplingMethod | str = DownsamplingMethod.LTTB,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> AsyncIterator[SeriesData]:
        """The same in blocks of about 1 MiB as they arrive: devices ascending, a series in several blocks."""
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        request = _calls.query_stream(chosen, order, max_timestamps, downsample_to, downsampling)
        async for response in self._responses("QueryTelemetryStream", request, timeout):
            for batch in response.batches:
                for block in decode_batch(batch):
                    yield block

    async def aggregate(
        self,
        aggregations: Iterable[Aggregation | str],
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        start: Moment | None = None,
        end: Moment | None = None,
        quality_flags: Iterable[int] = (),
        window: timedelta | CalendarUnit | str | None = None,
        time_zone: str = "",
        window_origin: Moment | None = None,
        percentiles: Iterable[float] = (),
        fill: Fill | str = Fill.NONE,
        order: Order | str = Order.ASCENDING,
        max_windows: int = 0,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Aggregates:
        """Aggregates of each series, over the whole range or by windows.

        ``window`` is a length of at least 1 ms, one window beginning at ``window_origin`` (1970), or a unit of the
        calendar in a ``time_zone`` named as "Europe/Berlin" (UTC). ``percentiles``, 0 to 100, go with the aggregation
        "percentile". ``fill`` answers for windows without points; the range must have both bounds then.
        ``max_windows`` of each series at most, the first in this order.

        :raises InvalidArgumentError: an aggregation is not for a series' kind, or there is too much to read.
        :raises OutOfRangeError: a SUM or RANGE of integers is beyond 64 bits.
        """
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        call = _calls.aggregate(
            chosen,
            aggregations,
            window=window,
            time_zone=time_zone,
            window_origin=window_origin,
            percentiles=percentiles,
            fill=fill,
            order=order,
            max_windows=max_windows,
        )
        return await self._answer(call, timeout)

    async def latest(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
    ) -> LatestPoints:
        """The point with the greatest timestamp of each series."""
        return await self._answer(_calls.latest(device_ids, user_id, measurements), timeout)

    async def list_series(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        count_points: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> SeriesList:
        """The series of devices that hold at least one point; ``count_points`` counts these too, which takes longer."""
        return await self._answer(_calls.list_series(device_ids, user_id, count_points), timeout)
