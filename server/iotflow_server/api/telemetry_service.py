"""TelemetryService: reads requests, asks the parts, writes answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceServicer
from iotflow_server.api import encode
from iotflow_server.api.aggregates import aggregate_query
from iotflow_server.api.encode_aggregates import aggregate_bytes
from iotflow_server.api.encode_columns import column_batches
from iotflow_server.api.filters import (
    Filters,
    deletion,
    downsampling_of,
    is_descending,
    limit_of,
    page_size_of,
    quality_of,
)
from iotflow_server.api.good_series import GoodSeries
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.kept import Answer, KeptAnswers
from iotflow_server.api.messages import RecordsMessage
from iotflow_server.api.plain_records import PlainRecords
from iotflow_server.api.ports import IngestPort, QueryPort, RegistryPort, ResultsPort
from iotflow_server.api.wire import WireResponse
from iotflow_server.api.write_responses import plain_response, write_response
from iotflow_server.api.write_stream import WriteStream
from iotflow_server.api.writes import Writes
from iotflow_server.config import Settings
from iotflow_server.ingest.errors import DrainingError
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection


class TelemetryService(TelemetryServiceServicer):
    """Writes and reads telemetry. What goes wrong is raised; the edge makes it a status."""

    def __init__(
        self,
        settings: Settings,
        ingest: IngestPort,
        queries: QueryPort,
        registry: RegistryPort,
        writes: Writes,
        results: ResultsPort | None = None,
    ) -> None:
        self._settings = settings
        self._ingest = ingest
        self._queries = queries
        self._registry = registry
        self._writes = writes
        self._kept = KeptAnswers(results, registry)
        self._filters = Filters(registry, settings.max_devices_per_query)
        self._plain_records = PlainRecords(GoodSeries())
        self._streams: set[WriteStream] = set()
        self._is_draining = False

    def drain(self) -> None:
        """Take no more writes; streams acknowledge what they have read, then end."""
        self._is_draining = True
        for stream in self._streams:
            stream.drain()

    async def WriteTelemetry(self, request: pb.WriteTelemetryRequest, context: Any) -> Any:
        """Store records; the answer is bytes already where nothing was rejected."""
        if self._is_draining:
            raise DrainingError
        records = request.records
        if not 1 <= len(records) <= self._settings.max_records:
            limit = f"1 to {self._settings.max_records} records are taken (IOTFLOW_MAX_RECORDS)"
            raise InvalidRequestError(("records", f"{limit}; these are {len(records)}"))
        message = RecordsMessage(records, request.ByteSize(), self._plain_records)
        result = await self._writes.write(await self._writes.prepare(message))
        if result.rejections:
            return write_response(result.accepted_points, result.stored_in, result.precision_us, result.rejections)
        return plain_response(result.accepted_points, result.stored_in, result.precision_us)

    async def WriteTelemetryStream(
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[pb.WriteTelemetryStreamResponse]:
        """Store batches in columns, acknowledging in order."""
        if self._is_draining:
            raise DrainingError
        settings = self._settings
        stream = WriteStream(self._writes, settings.max_stream_inflight_bytes, settings.max_message_points)
        self._streams.add(stream)
        try:
            async with aclosing(stream.responses(request_iterator)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._streams.discard(stream)

    async def QueryTelemetry(self, request: pb.QueryTelemetryRequest, context: Any) -> Any:
        """Return one page of points; many are bytes already."""
        page = await self._queries.page(
            await self._filters.selection(request.filter, "filter."),
            descending=is_descending(request.order),
            page_size=page_size_of(request.page_size, self._settings.max_page_size),
            token=request.page_token,
            user_id=request.filter.user_id,
            quality=quality_of(request.filter, "filter."),
            max_timestamps=limit_of(request.max_timestamps, "max_timestamps"),
        )
        return encode.page_response(page, self._registry)

    async def QueryTelemetryStream(
        self, request: pb.QueryTelemetryStreamRequest, context: Any
    ) -> AsyncIterator[pb.QueryTelemetryStreamResponse]:
        """Return a whole range in columns."""
        selection = await self._filters.selection(request.filter, "filter.")
        store, batches = self._batches(request, selection)
        served_by = encode.store_message(store)
        async with closing(batches):
            async for batch in batches:
                for message in column_batches(batch, self._registry.owner(batch.device_id)):
                    yield pb.QueryTelemetryStreamResponse(batches=[message], served_by=served_by)

    async def AggregateTelemetry(self, request: pb.AggregateTelemetryRequest, context: Any) -> Any:
        """Aggregate each series; the answer is bytes already."""
        selection = await self._filters.selection(request.filter, "filter.")
        query = aggregate_query(request)

        async def compute() -> Answer:
            table = await self._queries.aggregate(selection, query)
            return WireResponse(await aggregate_bytes(table)), table.served_by

        return await self._kept.answer("AggregateTelemetry", request, selection.device_ids, compute)

    async def GetLatestTelemetry(self, request: pb.GetLatestTelemetryRequest, context: Any) -> Any:
        """Return the latest point of each series; an answer that was kept, or has many, is bytes."""
        selection = await self._filters.latest(request)

        async def compute() -> Answer:
            latest = await self._queries.latest(selection)
            return encode.latest_response(latest, self._registry), latest.served_by

        return await self._kept.answer("GetLatestTelemetry", request, selection.device_ids, compute)

    async def DeleteTelemetry(self, request: pb.DeleteTelemetryRequest, context: Any) -> pb.DeleteTelemetryResponse:
        """Delete points of one device."""
        selection = deletion(request)
        if selection.time_range.start == selection.time_range.end:
            return pb.DeleteTelemetryResponse()
        deleted_from = await self._ingest.delete(request.device_id, selection)
        return pb.DeleteTelemetryResponse(deleted_from=encode.store_messages(deleted_from))

    async def ListSeries(self, request: pb.ListSeriesRequest, context: Any) -> pb.ListSeriesResponse:
        """List series."""
        devices = await self._filters.devices(request, "")
        listed = await self._queries.series(devices, count_points=request.count_points)
        return pb.ListSeriesResponse(
            series=map(encode.series_message, listed.series), served_by=encode.store_message(listed.served_by)
        )

    def _batches(
        self, request: pb.QueryTelemetryStreamRequest, selection: Selection
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        descending, quality = is_descending(request.order), quality_of(request.filter, "filter.")
        limit = limit_of(request.max_timestamps, "max_timestamps")
        if (downsampling := downsampling_of(request)) is None:
            return self._queries.stream(selection, descending=descending, quality=quality, max_timestamps=limit)
        return self._queries.downsample(selection, downsampling, descending=descending, quality=quality)
