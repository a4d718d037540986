"""Answers of queries to messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateRow as AggregateRowMessage
from iotflow.telemetry.v1.telemetry_service_pb2 import Series, TimePrecision
from iotflow.telemetry.v1.value_pb2 import Store, TelemetryPoint, Value, ValueKind
from iotflow_server.api.ports import RegistryPort
from iotflow_server.api.times import timestamp_message
from iotflow_server.api.values import FIELDS, value_message
from iotflow_server.query.results import AggregateRow, PointList
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import SeriesInfo

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
    if precision_us == 1:
        return TimePrecision.TIME_PRECISION_MICROSECOND
    return TimePrecision.TIME_PRECISION_MILLISECOND


def point_messages(points: PointList, registry: RegistryPort) -> Iterator[TelemetryPoint]:
    """Points, each with its record's metadata and its device's owner."""
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
    for device_id, measurement, timestamp, kind, value, metadata, quality in rows:
        point = TelemetryPoint(
            device_id=device_id, measurement=measurement, quality_flag=quality, user_id=registry.owner(device_id)
        )
        point.timestamp.CopyFrom(timestamp_message(timestamp))
        setattr(point.value, FIELDS[kind], value)
        for key, (key_kind, key_value) in metadata.items():
            setattr(point.metadata[key], FIELDS[key_kind], key_value)
        yield point


def aggregate_messages(rows: Sequence[AggregateRow]) -> Iterator[AggregateRowMessage]:
    """Rows of aggregates."""
    for row in rows:
        yield AggregateRowMessage(
            device_id=row.device_id,
            measurement=row.measurement,
            window_start=None if row.window_start is None else timestamp_message(row.window_start),
            window_end=None if row.window_end is None else timestamp_message(row.window_end),
            values=[Value() if cell is None else value_message(*cell) for cell in row.values],
            filled=row.is_filled,
        )


def series_message(series: SeriesInfo) -> Series:
    """A series."""
    kind = ValueKind.VALUE_KIND_MIXED if series.kind is None else _KINDS[series.kind]
    return Series(
        device_id=series.device_id,
        measurement=series.measurement,
        kind=kind,
        first_time=timestamp_message(series.first),
        last_time=timestamp_message(series.last),
    )
