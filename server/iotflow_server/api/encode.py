"""Answers of queries to messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from iotflow.telemetry.v1.telemetry_service_pb2 import (
    GetLatestTelemetryResponse,
    QueryTelemetryResponse,
    Series,
    TimePrecision,
)
from iotflow.telemetry.v1.value_pb2 import Store, TelemetryPoint, ValueKind
from iotflow_server.api.encode_few import few_points_bytes
from iotflow_server.api.encode_points import is_fixed, point_bytes
from iotflow_server.api.ports import RegistryPort
from iotflow_server.api.times import SECOND, timestamp_message
from iotflow_server.api.values import FIELDS
from iotflow_server.api.wire import Response, WireResponse
from iotflow_server.query.point_list import PointList
from iotflow_server.query.results import LatestPoints, Page
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import SeriesInfo

if TYPE_CHECKING:
    # It takes a parameter in its type stub only.
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

#: Looked up once: an enum of a proto asks its descriptor each time.
_MICROSECOND, _MILLISECOND = TimePrecision.TIME_PRECISION_MICROSECOND, TimePrecision.TIME_PRECISION_MILLISECOND
#: Fewer are sooner written one by one.
_MANY = 128
_STORES = {StoreName.IOTDB: Store.STORE_IOTDB, StoreName.POSTGRES: Store.STORE_POSTGRES}

_KINDS = {
    Kind.NUMERIC: ValueKind.VALUE_KIND_NUMERIC,
    Kind.INTEGER: ValueKind.VALUE_KIND_INTEGER,
    Kind.TEXT: ValueKind.VALUE_KIND_TEXT,
    Kind.BOOLEAN: ValueKind.VALUE_KIND_BOOLEAN,
    Kind.JSON: ValueKind.VALUE_KIND_JSON,
}


def store_message(store: StoreName) -> Store:
    """The enum value of a store."""
    return _STORES[store]


def store_messages(stores: Iterable[StoreName]) -> list[Store]:
    """The enum values of stores, in the order of the enum."""
    return sorted(map(store_message, stores))


def precision_message(precision_us: int) -> TimePrecision:
    """The enum value of a precision in microseconds."""
    return _MICROSECOND if precision_us == 1 else _MILLISECOND


def page_response(page: Page, registry: RegistryPort) -> Response:
    """A QueryTelemetryResponse."""
    message = QueryTelemetryResponse(next_page_token=page.next_token, served_by=store_message(page.served_by))
    return _with_points(message, message.points, QueryTelemetryResponse.POINTS_FIELD_NUMBER, page.points, registry)


def latest_response(latest: LatestPoints, registry: RegistryPort) -> Response:
    """A GetLatestTelemetryResponse."""
    message = GetLatestTelemetryResponse(served_by=store_message(latest.served_by))
    return _with_points(
        message, message.points, GetLatestTelemetryResponse.POINTS_FIELD_NUMBER, latest.points, registry
    )


def _with_points(
    message: Message,
    places: RepeatedCompositeFieldContainer[TelemetryPoint],
    field: int,
    points: PointList,
    registry: RegistryPort,
) -> Response:
    """A message with points in its repeated field ``places``, which has the number ``field``."""
    if points.facts is None:
        write = point_bytes if len(points) >= _MANY and is_fixed(points.points) else few_points_bytes
        return WireResponse(write(points.points, registry.owner, field) + message.SerializeToString())
    _add_points(places, points, registry)
    return message


def _add_points(
    messages: RepeatedCompositeFieldContainer[TelemetryPoint], points: PointList, registry: RegistryPort
) -> None:
    """Add points, each with its record's metadata and its device's owner."""
    users = {device_id: registry.owner(device_id) for device_id in set(points.device_ids)}
    rows = zip(
        points.device_ids,
        points.measurements,
        points.timestamps,
        points.kinds,
        points.values,
        points.metadata,
        points.quality,
        strict=True,
    )
    # Set in place: to make messages first and copy them would take twice as long.
    for device_id, measurement, timestamp, kind, value, metadata, quality in rows:
        point = messages.add()
        point.device_id = device_id
        point.measurement = measurement
        point.user_id = users[device_id]
        seconds, rest = divmod(timestamp, SECOND)
        moment = point.timestamp
        moment.seconds = seconds
        if rest:
            moment.nanos = rest * 1000
        setattr(point.value, FIELDS[kind], value)
        if quality:
            point.quality_flag = quality
        for key, (key_kind, key_value) in metadata.items():
            setattr(point.metadata[key], FIELDS[key_kind], key_value)


def series_message(series: SeriesInfo) -> Series:
    """A series."""
    kind = ValueKind.VALUE_KIND_MIXED if series.kind is None else _KINDS[series.kind]
    return Series(
        device_id=series.device_id,
        measurement=series.measurement,
        kind=kind,
        first_time=timestamp_message(series.first),
        last_time=timestamp_message(series.last),
        point_count=series.point_count,
    )
