"""Every call: its request from arguments, and its answer from the response. Both clients send these and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from iotflow.telemetry._aggregates import Aggregates, decode_aggregates, encode_aggregate
from iotflow.telemetry._devices import Device, DevicePage, decode_device, decode_devices
from iotflow.telemetry._enums import Aggregation, DownsamplingMethod, Order, Store, number_of
from iotflow.telemetry._errors import invalid
from iotflow.telemetry._filters import bounds, devices, names
from iotflow.telemetry._points import LatestPoints, Page, SeriesList, decode_latest, decode_page, decode_series_list
from iotflow.telemetry._records import Record, WriteResult, decode_write, encode_records, int32, stores_of
from iotflow.telemetry._times import Moment
from iotflow.telemetry.v1 import access_service_pb2, telemetry_service_pb2
from iotflow.telemetry.v1.telemetry_service_pb2 import TelemetryFilter

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """A method by name, its request, and what makes an answer of the response.

    ``is_repeated`` calls are sent again by the client itself while the service is unavailable. Reads are not among
    them: gRPC repeats those by the channel's service config.
    """

    method: str
    request: Message
    decode: Callable[[Any], Answer]
    is_repeated: bool = False


def write(records: Iterable[Record]) -> Call[WriteResult]:
    """Without a timestamp a record would be stored once more, at another moment, each time it is sent."""
    listed = list(records)
    is_repeated = all(isinstance(record, Record) and record.timestamp is not None for record in listed)
    return Call("WriteTelemetry", encode_records(listed), decode_write, is_repeated)


def query(
    chosen: TelemetryFilter, order: Order | str, page_size: int, page_token: str, max_timestamps: int
) -> Call[Page]:
    """One page."""
    request = telemetry_service_pb2.QueryTelemetryRequest(
        filter=chosen,
        order=_order(order),
        page_size=int32(page_size, "page_size"),
        page_token=page_token,
        max_timestamps=int32(max_timestamps, "max_timestamps"),
    )
    return Call("QueryTelemetry", request, decode_page)


def query_stream(
    chosen: TelemetryFilter,
    order: Order | str,
    max_timestamps: int,
    downsample_to: int,
    downsampling: DownsamplingMethod | str,
) -> telemetry_service_pb2.QueryTelemetryStreamRequest:
    """The request of a stream of columns."""
    method: Any = number_of(DownsamplingMethod, downsampling, "downsampling")
    few = telemetry_service_pb2.Downsampling(method=method, max_points=int32(downsample_to, "downsample_to"))
    return telemetry_service_pb2.QueryTelemetryStreamRequest(
        filter=chosen,
        order=_order(order),
        max_timestamps=int32(max_timestamps, "max_timestamps"),
        downsampling=few if downsample_to else None,
    )


def aggregate(chosen: TelemetryFilter, aggregations: Iterable[Aggregation | str], **options: Any) -> Call[Aggregates]:
    """Aggregates of each series; ``options`` are those of encode_aggregate."""
    if isinstance(aggregations, str):
        raise invalid("aggregations", f"{aggregations!r} is one word: give a list")
    words = tuple(aggregations)
    request = encode_aggregate(chosen, words, **options)
    asked = tuple(Aggregation(str(word).lower()) for word in words)
    percentiles = tuple(request.percentiles)
    return Call("AggregateTelemetry", request, lambda response: decode_aggregates(response, asked, percentiles))


def latest(device_ids: Iterable[int], user_id: int, measurements: Iterable[str]) -> Call[LatestPoints]:
    """The latest point of each series."""
    request = telemetry_service_pb2.GetLatestTelemetryRequest(
        **devices(device_ids, user_id), measurements=names(measurements)
    )
    return Call("GetLatestTelemetry", request, decode_latest)


def delete(device_id: int, measurements: Iterable[str], start: Moment, end: Moment) -> Call[tuple[Store, ...]]:
    """Delete a range of a device."""
    request = telemetry_service_pb2.DeleteTelemetryRequest(
        device_id=int32(device_id, "device_id"), measurements=names(measurements), **bounds(start, end)
    )
    return Call("DeleteTelemetry", request, lambda response: stores_of(response.deleted_from))


def list_series(device_ids: Iterable[int], user_id: int, count_points: bool) -> Call[SeriesList]:
    """The series of devices."""
    request = telemetry_service_pb2.ListSeriesRequest(**devices(device_ids, user_id), count_points=count_points)
    return Call("ListSeries", request, decode_series_list)


def register_device(device_id: int, user_id: int) -> Call[Device]:
    """Register a device."""
    request = access_service_pb2.RegisterDeviceRequest(
        device_id=int32(device_id, "device_id"), user_id=int32(user_id, "user_id")
    )
    return Call("RegisterDevice", request, decode_device)


def list_devices(user_id: int, page_size: int, page_token: str) -> Call[DevicePage]:
    """One page of devices."""
    request = access_service_pb2.ListDevicesRequest(
        user_id=int32(user_id, "user_id"), page_size=int32(page_size, "page_size"), page_token=page_token
    )
    return Call("ListDevices", request, decode_devices)


def _order(order: Order | str) -> Any:
    return number_of(Order, order, "order")
