"""Requests of AggregateTelemetry to what the engine is asked, with every limit checked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateTelemetryRequest, CalendarWindow
from iotflow.telemetry.v1.telemetry_service_pb2 import Aggregation as Words
from iotflow.telemetry.v1.telemetry_service_pb2 import CalendarUnit as UnitWords
from iotflow.telemetry.v1.telemetry_service_pb2 import Fill as FillWords
from iotflow_server.api.filters import is_descending, limit_of, moment, quality_of
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.paths import item
from iotflow_server.api.times import SECOND, duration_microseconds
from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.calendar_windows import CalendarUnit, CalendarWindows
from iotflow_server.query.fill import Fill
from iotflow_server.query.results import Aggregation, Percentile, Wanted
from iotflow_server.query.windows import FixedWindows, Windowing

MIN_WINDOW_US: Final = 1_000
#: The longest that a Duration may be: about 10,000 years.
MAX_WINDOW_SECONDS: Final = 315_576_000_000
MAX_PERCENTILES: Final = 10

_AGGREGATIONS: Final[Mapping[int, Aggregation]] = {aggregation.value: aggregation for aggregation in Aggregation}
_FILLS: Final[Mapping[int, Fill]] = {0: Fill.NONE} | {fill.value: fill for fill in Fill}
_UNITS: Final[Mapping[int, CalendarUnit]] = {unit.value: unit for unit in CalendarUnit}


def aggregate_query(request: AggregateTelemetryRequest) -> AggregateQuery:
    """What is asked of the points that the request's filter selects.

    :raises InvalidRequestError: a field is wrong, or does not go with another.
    """
    windowing = _windowing(request)
    return AggregateQuery(
        tuple(_wanted(request)),
        windowing,
        _fill(request, windowing),
        quality_of(request.filter, "filter."),
        is_descending(request.order),
        limit_of(request.max_windows, "max_windows"),
    )


def _wanted(request: AggregateTelemetryRequest) -> Iterator[Wanted]:
    percentiles = [_percentile(percentile, index) for index, percentile in enumerate(request.percentiles)]
    _check_percentiles(percentiles, is_asked=Words.AGGREGATION_PERCENTILE in request.aggregations)
    if not request.aggregations:
        raise InvalidRequestError(("aggregations", "name at least one aggregation"))
    for index, number in enumerate(request.aggregations):
        if number in request.aggregations[:index]:
            raise InvalidRequestError((item("aggregations", index), "each aggregation may be named once"))
        if number == Words.AGGREGATION_PERCENTILE:
            yield from percentiles
        elif number in _AGGREGATIONS:
            yield _AGGREGATIONS[number]
        else:
            fault = f"{number} is no aggregation; one of {', '.join(Words.keys()[1:])} is right"
            raise InvalidRequestError((item("aggregations", index), fault))


def _percentile(percentile: float, index: int) -> Percentile:
    if not 0 <= percentile <= 100:
        fault = f"{percentile} is no percentile: those are from 0 to 100"
        raise InvalidRequestError((item("percentiles", index), fault))
    return Percentile(Fraction(repr(percentile)))


def _check_percentiles(percentiles: Sequence[Percentile], *, is_asked: bool) -> None:
    if is_asked != bool(percentiles):
        fault = "AGGREGATION_PERCENTILE and percentiles go together: give both or neither"
        raise InvalidRequestError(("percentiles", fault))
    if len(percentiles) > MAX_PERCENTILES:
        raise InvalidRequestError(("percentiles", f"{len(percentiles)} are named; at most {MAX_PERCENTILES} may be"))
    if len(set(percentiles)) < len(percentiles):
        raise InvalidRequestError(("percentiles", "each percentile may be named once"))


def _windowing(request: AggregateTelemetryRequest) -> Windowing | None:
    if request.HasField("calendar_window"):
        if request.HasField("window"):
            raise InvalidRequestError(("calendar_window", "give either window or calendar_window"))
        _refuse_origin(request)
        return _calendar(request.calendar_window)
    if not request.HasField("window"):
        _refuse_origin(request)
        return None
    origin = moment(request.window_origin, "window_origin") if request.HasField("window_origin") else 0
    return FixedWindows(_length(request), origin)


def _refuse_origin(request: AggregateTelemetryRequest) -> None:
    if request.HasField("window_origin"):
        raise InvalidRequestError(("window_origin", "an origin goes with window only"))


def _length(request: AggregateTelemetryRequest) -> int:
    length = duration_microseconds(request.window)
    if length < MIN_WINDOW_US or request.window.seconds > MAX_WINDOW_SECONDS:
        raise InvalidRequestError(("window", f"a window must last 1 ms to {MAX_WINDOW_SECONDS} s"))
    whole = _range_length(request)
    if length > whole > 0:
        fault = f"{length / SECOND:g} s is longer than the range of {whole / SECOND:g} s"
        raise InvalidRequestError(("window", f"{fault}: leave it out for one row over the range, or widen the range"))
    return length


def _range_length(request: AggregateTelemetryRequest) -> float:
    """Microseconds from the range's start to its end; infinite where it lacks a bound."""
    bounds = request.filter
    if not (bounds.HasField("start_time") and bounds.HasField("end_time")):
        return math.inf
    return moment(bounds.end_time, "filter.end_time") - moment(bounds.start_time, "filter.start_time")


def _calendar(window: CalendarWindow) -> CalendarWindows:
    if window.unit not in _UNITS:
        names = ", ".join(UnitWords.keys()[1:])
        raise InvalidRequestError(("calendar_window.unit", f"{window.unit} is no unit; one of {names} is right"))
    try:
        zone = ZoneInfo(window.time_zone or "UTC")
    except (KeyError, ValueError, OSError):
        fault = f"{window.time_zone!r} is no time zone of the IANA database; one is named like Europe/Berlin or UTC"
        raise InvalidRequestError(("calendar_window.time_zone", fault)) from None
    return CalendarWindows(_UNITS[window.unit], zone)


def _fill(request: AggregateTelemetryRequest, windowing: Windowing | None) -> Fill:
    if request.fill not in _FILLS:
        names = ", ".join(FillWords.keys()[1:])
        raise InvalidRequestError(("fill", f"{request.fill} is no fill; one of {names} is right"))
    fill = _FILLS[request.fill]
    if fill is not Fill.NONE:
        if windowing is None:
            raise InvalidRequestError(("fill", "there is nothing to fill without window or calendar_window"))
        for bound in ("start_time", "end_time"):
            if not request.filter.HasField(bound):
                raise InvalidRequestError((f"filter.{bound}", "to fill windows the range must have both bounds"))
    return fill
