"""Queries of the blocking client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from iotflow.telemetry import _calls
from iotflow.telemetry._aggregates import Aggregates
from iotflow.telemetry._asking import BlockingAsking
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._enums import Aggregation, CalendarUnit, DownsamplingMethod, Fill, Order
from iotflow.telemetry._filters import telemetry_filter
from iotflow.telemetry._points import LatestPoints, Page, Point, SeriesList
from iotflow.telemetry._series import SeriesCollector, SeriesData, SeriesSet, decode_batch
from iotflow.telemetry._times import Moment


class BlockingTelemetryReads(BlockingAsking):
    """The reading half of BlockingTelemetryClient; see there how points are chosen."""

    def query(
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
        """See TelemetryClient.query."""
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        return self._answer(_calls.query(chosen, order, page_size, page_token, max_timestamps), timeout)

    def iter_points(
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
    ) -> Iterator[Point]:
        """See TelemetryClient.iter_points."""
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        token = ""
        while True:
            page = self._answer(_calls.query(chosen, order, page_size, token, max_timestamps), timeout)
            yield from page.points
            token = page.next_page_token
            if not token:
                return

    def query_columns(
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
        """See TelemetryClient.query_columns."""
        collector = SeriesCollector()
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        request = _calls.query_stream(chosen, order, max_timestamps, downsample_to, downsampling)
        for response in self._responses("QueryTelemetryStream", request, timeout):
            collector.add(response)
        return collector.result()

    def iter_columns(
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
    ) -> Iterator[SeriesData]:
        """See TelemetryClient.iter_columns."""
        chosen = telemetry_filter(device_ids, user_id, measurements, start, end, quality_flags)
        request = _calls.query_stream(chosen, order, max_timestamps, downsample_to, downsampling)
        for response in self._responses("QueryTelemetryStream", request, timeout):
            for batch in response.batches:
                yield from decode_batch(batch)

    def aggregate(
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
        """See TelemetryClient.aggregate."""
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
        return self._answer(call, timeout)

    def latest(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        measurements: Iterable[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
    ) -> LatestPoints:
        """See TelemetryClient.latest."""
        return self._answer(_calls.latest(device_ids, user_id, measurements), timeout)

    def list_series(
        self,
        *,
        device_ids: Iterable[int] = (),
        user_id: int = 0,
        count_points: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> SeriesList:
        """See TelemetryClient.list_series."""
        return self._answer(_calls.list_series(device_ids, user_id, count_points), timeout)
