"""Answers made of points and series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iotflow.telemetry._enums import Kind, Store, word_of
from iotflow.telemetry._times import moment_of
from iotflow.telemetry._values import decode_value, decode_values
from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import TelemetryPoint


@dataclass(frozen=True, slots=True)
class Point:
    """A point as it is stored.

    ``timestamp`` is aware (UTC). ``value`` is a float, int, str or bool by its ``kind``; JSON is a dict, a list, or
    ``Json`` around anything else. ``metadata`` and ``quality_flag`` are those of (device, timestamp).
    """

    device_id: int
    measurement: str
    timestamp: datetime
    kind: Kind
    value: Any
    metadata: dict[str, Any]
    quality_flag: int
    user_id: int


@dataclass(frozen=True, slots=True)
class Page:
    """Points in order, and the token of the next page, empty where this is the last."""

    points: tuple[Point, ...]
    next_page_token: str
    served_by: Store


@dataclass(frozen=True, slots=True)
class LatestPoints:
    """One point for each series, ordered by device and measurement."""

    points: tuple[Point, ...]
    served_by: Store


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """A series that holds at least one point, with its least and greatest timestamp.

    ``point_count`` is None unless it was asked for.
    """

    device_id: int
    measurement: str
    kind: Kind
    first_time: datetime
    last_time: datetime
    point_count: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesList:
    """Series ordered by device and measurement."""

    series: tuple[SeriesInfo, ...]
    served_by: Store


def decode_page(response: pb.QueryTelemetryResponse) -> Page:
    """A page of points."""
    return Page(tuple(map(_point, response.points)), response.next_page_token, word_of(Store, response.served_by))


def decode_latest(response: pb.GetLatestTelemetryResponse) -> LatestPoints:
    """The latest points."""
    return LatestPoints(tuple(map(_point, response.points)), word_of(Store, response.served_by))


def decode_series_list(response: pb.ListSeriesResponse) -> SeriesList:
    """The series."""
    return SeriesList(tuple(map(_series_info, response.series)), word_of(Store, response.served_by))


def _point(message: TelemetryPoint) -> Point:
    kind, value = decode_value(message.value)
    return Point(
        message.device_id,
        message.measurement,
        moment_of(message.timestamp),
        kind,
        value,
        decode_values(message.metadata),
        message.quality_flag,
        message.user_id,
    )


def _series_info(message: pb.Series) -> SeriesInfo:
    return SeriesInfo(
        message.device_id,
        message.measurement,
        word_of(Kind, message.kind),
        moment_of(message.first_time),
        moment_of(message.last_time),
        message.point_count if message.HasField("point_count") else None,
    )
