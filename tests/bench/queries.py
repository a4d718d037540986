"""What the measures of queries ask for, as a request and as the service's own reading of its store."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from iotflow.telemetry.v1.telemetry_service_pb2 import (
    AggregateTelemetryRequest,
    GetLatestTelemetryRequest,
    Order,
    QueryTelemetryRequest,
    TelemetryFilter,
)
from iotflow.telemetry.v1.telemetry_service_pb2 import Aggregation as Words
from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.results import Aggregation
from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.postgres.reader import PointReader
from iotflow_server.stores.rollups import HOUR
from iotflow_server.stores.selection import Selection, TimeRange
from tests.bench.history import DAY, DEVICES_PER_USER, END, MEASUREMENTS, MINUTE, History

_SERVICE: Final = "/iotflow.telemetry.v1.TelemetryService/"
_PAGE_BYTES: Final = 3 << 20
_MOST_POINTS: Final = 5_000_000
_MOST_ROWS: Final = 100_000


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


def _aggregate_30d_1h(history: History, chance: random.Random) -> Query:
    device, name = chance.randint(1, history.devices), chance.choice(MEASUREMENTS)
    return _hourly_means((device,), name, TimeRange(END - 30 * DAY, END))


def _aggregate_fleet_1d(history: History, chance: random.Random) -> Query:
    devices = tuple(range(1, history.devices + 1))
    return _hourly_means(devices, chance.choice(MEASUREMENTS), TimeRange(END - DAY, END))


def _hourly_means(devices: tuple[int, ...], name: str, bounds: TimeRange) -> Query:
    request = AggregateTelemetryRequest(
        filter=TelemetryFilter(device_ids=devices, measurements=[name]), aggregations=[Words.AGGREGATION_MEAN]
    )
    request.window.FromMicroseconds(HOUR)
    request.filter.start_time.FromMicroseconds(bounds.start)
    request.filter.end_time.FromMicroseconds(bounds.end)
    query = AggregateQuery((Aggregation.MEAN,), FixedWindows(HOUR))
    selection = Selection(devices, (name,), bounds)

    async def read(reader: PointReader) -> object:
        aggregator = Aggregator(query, bounds, max_points=_MOST_POINTS, max_rows=_MOST_ROWS)
        return await aggregator.consume(reader.scan(selection, descending=False))

    return Query(request, read)


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


#: Of these the limit is another: the same computed of points.
AGGREGATES: Final = {
    "aggregate_30d_1h": Kind(f"{_SERVICE}AggregateTelemetry", _aggregate_30d_1h),
    "aggregate_fleet_1d": Kind(f"{_SERVICE}AggregateTelemetry", _aggregate_fleet_1d),
}


def kind_of(key: str) -> Kind:
    """The kind of query that a measure asks."""
    return KINDS[key] if key in KINDS else AGGREGATES[key]


def queries(key: str, history: History, count: int) -> list[Query]:
    """The same queries each time."""
    chance = random.Random(key)
    return [kind_of(key).make(history, chance) for _ in range(count)]
