"""Generated questions about the data set."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.calendar_windows import CalendarUnit, CalendarWindows
from iotflow_server.query.downsampling import Downsampling, DownsamplingMethod
from iotflow_server.query.fill import Fill
from iotflow_server.query.results import Aggregation, Percentile
from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.selection import Selection, TimeRange
from tests.conformance.dataset import DAY, DAYS, DEVICES, FIRST_DAY, NUMBERS, OTHERS
from tests.support.batches import MS, SECOND

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo")

hours = st.integers(-24, (DAYS + 1) * 24).map(lambda hour: FIRST_DAY + hour * 3600 * SECOND)
bounds = st.one_of(hours, st.integers(FIRST_DAY, FIRST_DAY + DAYS * DAY))
bounded = st.tuples(bounds, bounds).map(sorted).map(lambda pair: TimeRange(*pair))
time_ranges = st.one_of(
    bounded, bounded, st.just(TimeRange()), bounds.map(lambda start: TimeRange(start=start)), st.just(TimeRange(end=0))
)
numbers = st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2, unique=True).map(tuple)
any_measurements = st.none() | st.lists(st.sampled_from([*NUMBERS, *OTHERS, "?"]), min_size=1, unique=True).map(tuple)
devices = st.lists(st.integers(0, DEVICES), min_size=1, max_size=2, unique=True).map(tuple)
qualities = st.none() | st.none() | st.frozensets(st.integers(-1, 3), min_size=1, max_size=2)
selections = st.builds(Selection, devices, any_measurements, time_ranges)

fixed = st.builds(
    FixedWindows,
    st.sampled_from([MS, SECOND + 1, 600 * SECOND, 3600 * SECOND, 7 * 3600 * SECOND, DAY, 90 * DAY]),
    st.sampled_from([0, 1, FIRST_DAY + 123_456_789, -(10**15)]),
)
calendar = st.builds(CalendarWindows, st.sampled_from(CalendarUnit), st.sampled_from(ZONES).map(ZoneInfo))
windowings = st.one_of(st.none(), fixed, calendar)
percentiles = st.sampled_from(["0", "0.1", "12.5", "50", "95", "99.9", "100"]).map(Fraction).map(Percentile)
of_any = st.sampled_from([each for each in Aggregation if not each.needs_numbers])
of_numbers = st.one_of(st.sampled_from(Aggregation), percentiles)


@st.composite
def aggregations(draw: st.DrawFn) -> tuple[Selection, AggregateQuery]:
    """An aggregation, mostly of what has it."""
    is_numbers = draw(st.integers(0, 3)) > 0
    selection = draw(selections)
    if is_numbers:
        selection = replace(selection, measurements=draw(numbers))
    wanted = draw(st.lists(of_numbers if is_numbers else of_any, min_size=1, max_size=4, unique=True))
    windowing = draw(windowings)
    fill = draw(st.sampled_from(Fill)) if windowing is not None else Fill.NONE
    if fill is not Fill.NONE:
        selection = replace(selection, time_range=draw(bounded))
    limit = draw(st.none() | st.integers(1, 5))
    return selection, AggregateQuery(tuple(wanted), windowing, fill, draw(qualities), draw(st.booleans()), limit)


#: How a range is read: keyword arguments of the engine's page and stream.
readings: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"descending": st.booleans(), "quality": qualities, "max_timestamps": st.none() | st.integers(1, 30)}
)
downsamplings = st.builds(Downsampling, st.sampled_from(DownsamplingMethod), st.integers(4, 20))
