"""What the measures of queries ask for, as a request and as the service's own reading of its store."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from google.protobuf.message import Message

from iotflow.telemetry.v1.telemetry_service_pb2 import (
    AggregateTelemetryRequest,
    GetLatestTelemetryRequest,
    Order,
    QueryTelemetryRequest,
    TelemetryFilter,
)
from iotflow.telemetry.v1.telemetry_service_pb2 import Aggregation as Words
from iotflow_server.stores.postgres.reader import PointReader
from iotflow_server.stores.rollups import HOUR
from iotflow_server.stores.selection import Selection, TimeRange
from tests.bench.history import DAY, DENSE_MEASUREMENTS, DEVICES_PER_USER, END, MEASUREMENTS, MINUTE, History

_SERVICE: Final = "/iotflow.telemetry.v1.TelemetryService/"
_PAGE_BYTES: Final = 3 << 20
_AGGREGATE: Final = f"{_SERVICE}AggregateTelemetry"


@dataclass(frozen=True)
class Query:
    """One query: the message that asks for it, and how the service then reads."""

    request: Message
    read: Callable[[PointReader], Awaitable[object]]


@dataclass(frozen=True)
class Kind:
    """A kind of query, about another device or user each time."""

    method: str
    make: Callable[[History, random.Random], Query]


@dataclass(frozen=True)
class Aggregate:
    """Means by windows: the message that asks for them, and the parameters of SQL that does (limits/windows.py)."""

    request: Message
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class AggregateKind:
    """A kind of aggregation, about another series each time."""

    method: str
    make: Callable[[History, random.Random], Aggregate]


def _latest(history: History, chance: random.Random) -> Query:
    device = chance.randint(1, history.devices)
    return Query(GetLatestTelemetryRequest(device_ids=[device]), lambda reader: reader.latest(Selection((device,))))


def _range_1h(history: History, chance: random.Random) -> Query:
    device, start = chance.randint(1, history.devices), END - DAY + chance.randrange(23 * 60) * MINUTE
    bounds = TimeRange(start, start + 60 * MINUTE)
    request = QueryTelemetryRequest(filter=TelemetryFilter(device_ids=[device]), page_size=10_000)
    request.filter.start_time.FromMicroseconds(bounds.start)
    request.filter.end_time.FromMicroseconds(bounds.end)
    return Query(request, _page((device,), bounds, 10_000, descending=False))


def _page_user(history: History, chance: random.Random) -> Query:
    user = chance.randint(1, history.users)
    first = (user - 1) * DEVICES_PER_USER + 1
    devices = tuple(range(first, min(first + DEVICES_PER_USER, history.devices + 1)))
    request = QueryTelemetryRequest(filter=TelemetryFilter(user_id=user), order=Order.ORDER_DESCENDING, page_size=1_000)
    return Query(request, _page(devices, TimeRange(), 1_000, descending=True))


def _aggregate_30d_1h(history: History, chance: random.Random) -> Aggregate:
    device, name = chance.choice(history.dense_devices), chance.choice(DENSE_MEASUREMENTS)
    return _means((device,), name, TimeRange(END - 30 * DAY, END), HOUR)


def _aggregate_30d_1h_sparse(history: History, chance: random.Random) -> Aggregate:
    device, name = chance.randint(1, history.devices), chance.choice(MEASUREMENTS)
    return _means((device,), name, TimeRange(END - 30 * DAY, END), HOUR)


def _aggregate_30d_of_points(history: History, chance: random.Random) -> Aggregate:
    """Figures of hours do not help with windows that are a millisecond shorter."""
    device, name = chance.choice(history.dense_devices), chance.choice(DENSE_MEASUREMENTS)
    return _means((device,), name, TimeRange(END - 30 * DAY, END), HOUR - 1_000)


def _aggregate_fleet_1d(history: History, chance: random.Random) -> Aggregate:
    devices = tuple(range(1, history.devices + 1))
    return _means(devices, chance.choice(MEASUREMENTS), TimeRange(END - DAY, END), HOUR)


def _means(devices: tuple[int, ...], name: str, bounds: TimeRange, window: int) -> Aggregate:
    request = AggregateTelemetryRequest(
        filter=TelemetryFilter(device_ids=devices, measurements=[name]), aggregations=[Words.AGGREGATION_MEAN]
    )
    request.window.FromMicroseconds(window)
    request.filter.start_time.FromMicroseconds(bounds.start)
    request.filter.end_time.FromMicroseconds(bounds.end)
    return Aggregate(request, (list(devices), name, bounds.start, bounds.end, timedelta(microseconds=window)))


def _page(
    devices: tuple[int, ...], bounds: TimeRange, size: int, *, descending: bool
) -> Callable[[PointReader], Awaitable[object]]:
    selection = Selection(devices, None, bounds)
    # The engine asks for one more, to know whether there is a next page.
    return lambda reader: reader.page(
        selection, limit=size + 1, max_bytes=_PAGE_BYTES, descending=descending, after=None
    )


KINDS: Final = {
    "query_latest_device": Kind(f"{_SERVICE}GetLatestTelemetry", _latest),
    "query_range_1h": Kind(f"{_SERVICE}QueryTelemetry", _range_1h),
    "query_page_user": Kind(f"{_SERVICE}QueryTelemetry", _page_user),
}


#: Of these the limit is another: what SQL makes of the points.
AGGREGATES: Final = {
    "aggregate_30d_1h": AggregateKind(_AGGREGATE, _aggregate_30d_1h),
    "aggregate_30d_1h_sparse": AggregateKind(_AGGREGATE, _aggregate_30d_1h_sparse),
    "aggregate_30d_of_points": AggregateKind(_AGGREGATE, _aggregate_30d_of_points),
    "aggregate_fleet_1d": AggregateKind(_AGGREGATE, _aggregate_fleet_1d),
}


def method_of(key: str) -> str:
    """The method that a measure calls."""
    return KINDS[key].method if key in KINDS else AGGREGATES[key].method


def requests(key: str, history: History, count: int) -> list[Message]:
    """What a measure asks, the same each time."""
    asked = queries(key, history, count) if key in KINDS else aggregates(key, history, count)
    return [one.request for one in asked]


def queries(key: str, history: History, count: int) -> list[Query]:
    """The same queries each time."""
    chance = random.Random(key)
    return [KINDS[key].make(history, chance) for _ in range(count)]


def aggregates(key: str, history: History, count: int) -> list[Aggregate]:
    """The same aggregates each time."""
    chance = random.Random(key)
    return [AGGREGATES[key].make(history, chance) for _ in range(count)]
