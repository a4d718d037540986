"""Requests of AggregateTelemetry are checked field by field."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow_server.api.aggregates import aggregate_query
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.calendar_windows import CalendarUnit, CalendarWindows
from iotflow_server.query.fill import Fill
from iotflow_server.query.results import Aggregation, Percentile
from iotflow_server.query.windows import FixedWindows
from tests.unit.api.parts import running
from tests.unit.api.statuses import failure_of

START, END = Timestamp(seconds=10), Timestamp(seconds=20)
BOUNDED = pb.TelemetryFilter(device_ids=[1], start_time=START, end_time=END)
OPEN = pb.TelemetryFilter(device_ids=[1], start_time=START)
SECOND = Duration(seconds=1)
BERLIN = pb.CalendarWindow(unit=pb.CALENDAR_UNIT_DAY, time_zone="Europe/Berlin")
P = pb.AGGREGATION_PERCENTILE


def request(*aggregations: Any, **fields: Any) -> pb.AggregateTelemetryRequest:
    fields.setdefault("filter", BOUNDED)
    return pb.AggregateTelemetryRequest(aggregations=aggregations or [pb.AGGREGATION_COUNT], **fields)


def calendar(unit: Any, zone: str) -> pb.AggregateTelemetryRequest:
    return request(calendar_window=pb.CalendarWindow(unit=unit, time_zone=zone))


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (pb.AggregateTelemetryRequest(filter=BOUNDED), "aggregations"),
        (request(0), "aggregations[0]"),
        (request(1, 99), "aggregations[1]"),
        (request(1, 1), "aggregations[1]"),
        (request(P, P, percentiles=[50]), "aggregations[1]"),
        (request(P), "percentiles"),
        (request(percentiles=[50]), "percentiles"),
        (request(P, percentiles=[50, -0.1]), "percentiles[1]"),
        (request(P, percentiles=[100.1]), "percentiles[0]"),
        (request(P, percentiles=[float("nan")]), "percentiles[0]"),
        (request(P, percentiles=[50, 50.0]), "percentiles"),
        (request(P, percentiles=range(11)), "percentiles"),
        (request(window=Duration(nanos=999_999)), "window"),
        (request(window=Duration(seconds=-1)), "window"),
        (request(window=Duration(seconds=10, nanos=1_000)), "window"),
        (request(window=SECOND, calendar_window=BERLIN), "calendar_window"),
        (request(window_origin=START), "window_origin"),
        (request(calendar_window=BERLIN, window_origin=START), "window_origin"),
        (request(window=SECOND, window_origin=Timestamp(seconds=-(10**12))), "window_origin"),
        (calendar(0, "UTC"), "calendar_window.unit"),
        (calendar(9, "UTC"), "calendar_window.unit"),
        (calendar(1, "Europe/Atlantis"), "calendar_window.time_zone"),
        (calendar(1, "Europe"), "calendar_window.time_zone"),
        (calendar(1, "../../etc/passwd"), "calendar_window.time_zone"),
        (calendar(1, "/etc/localtime"), "calendar_window.time_zone"),
        (calendar(1, "a\0b"), "calendar_window.time_zone"),
        (request(fill=pb.FILL_NULL), "fill"),
        (request(fill=9, window=SECOND), "fill"),
        (request(fill=pb.FILL_NULL, window=SECOND, filter=OPEN), "filter.end_time"),
        (request(order=9), "order"),
        (request(max_windows=-1), "max_windows"),
        (request(filter=pb.TelemetryFilter(device_ids=[1], quality_flags=range(101))), "filter.quality_flags"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(sent: pb.AggregateTelemetryRequest, field: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        aggregate_query(sent)
    assert [path for path, _ in refusal.value.violations] == [field]


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        (request(0), pb.Aggregation.keys()),
        (calendar(9, "UTC"), pb.CalendarUnit.keys()),
        (request(fill=9, window=SECOND), pb.Fill.keys()),
    ],
)
def test_an_unknown_word_is_refused_with_those_that_the_wire_takes(
    sent: pb.AggregateTelemetryRequest, names: list[str]
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        aggregate_query(sent)
    assert f"one of {', '.join(names[1:])} is right" in refusal.value.violations[0][1]


def test_percentiles_stand_where_percentile_is_named() -> None:
    asked = aggregate_query(request(pb.AGGREGATION_MAX, P, pb.AGGREGATION_RATE, percentiles=[99.9, 50]))
    percentiles = (Percentile(Fraction("99.9")), Percentile(Fraction(50)))
    assert asked == AggregateQuery((Aggregation.MAX, *percentiles, Aggregation.RATE))


def test_windows_are_of_one_length_or_of_the_calendar() -> None:
    assert aggregate_query(request(window=SECOND)).windowing == FixedWindows(1_000_000)
    assert aggregate_query(request(window=SECOND, window_origin=START)).windowing == FixedWindows(1_000_000, 10_000_000)
    assert aggregate_query(request(window=Duration(seconds=99), filter=OPEN)).windowing == FixedWindows(99_000_000)
    assert aggregate_query(request(calendar_window=BERLIN)).windowing == CalendarWindows(
        CalendarUnit.DAY, ZoneInfo("Europe/Berlin")
    )
    assert aggregate_query(calendar(4, "")).windowing == CalendarWindows(CalendarUnit.YEAR, ZoneInfo("UTC"))


def test_all_else_is_taken_over() -> None:
    chosen = pb.TelemetryFilter(device_ids=[1], start_time=START, end_time=END, quality_flags=[0, -1, 0])
    sent = request(filter=chosen, window=SECOND, fill=pb.FILL_LINEAR, order=pb.ORDER_DESCENDING, max_windows=5)
    assert aggregate_query(sent) == AggregateQuery(
        (Aggregation.COUNT,), FixedWindows(1_000_000), Fill.LINEAR, frozenset({0, -1}), True, 5
    )


async def test_what_is_wrong_is_an_invalid_argument_on_the_wire() -> None:
    async with running() as edge:
        failure = await failure_of(edge.telemetry.AggregateTelemetry(request(fill=pb.FILL_NULL)))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["fill"])
