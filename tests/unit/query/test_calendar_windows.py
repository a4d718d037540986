"""Windows by the calendar begin and end when the clocks of the place say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.calendar_windows import CalendarUnit, CalendarWindows
from iotflow_server.query.errors import QueryTooLargeError
from iotflow_server.query.windows import bounds_of
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000_000
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    # Clocks change at midnight, so some days begin at one; or go back over it.
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    # A whole day is missing.
    "Pacific/Apia",
]


def at(text: str, zone: str = "UTC") -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) - EPOCH) // timedelta(microseconds=1)


def windows(unit: CalendarUnit, zone: str) -> CalendarWindows:
    return CalendarWindows(unit, ZoneInfo(zone))


def hours(unit: CalendarUnit, zone: str, start: str, end: str) -> list[float]:
    edges = windows(unit, zone).edges(TimeRange(at(start, zone), at(end, zone)), 100)
    return [length / HOUR for length in np.diff(edges).tolist()]


def test_days_have_23_and_25_hours_where_clocks_change() -> None:
    assert hours(CalendarUnit.DAY, "Europe/Berlin", "2026-03-28", "2026-03-31") == [24, 23, 24]
    assert hours(CalendarUnit.DAY, "Europe/Berlin", "2026-10-24", "2026-10-27") == [24, 25, 24]
    assert hours(CalendarUnit.DAY, "Australia/Lord_Howe", "2026-04-05", "2026-04-06") == [24.5]
    assert hours(CalendarUnit.DAY, "UTC", "2026-03-28", "2026-03-31") == [24, 24, 24]


def test_a_day_without_a_midnight_begins_with_its_first_moment() -> None:
    edges = windows(CalendarUnit.DAY, "America/Sao_Paulo").edges(
        TimeRange(at("2018-11-03T12:00", "America/Sao_Paulo"), at("2018-11-04T12:00", "America/Sao_Paulo")), 10
    )
    assert edges.tolist() == [at("2018-11-03T03:00"), at("2018-11-04T03:00"), at("2018-11-05T02:00")]


def test_a_day_that_is_left_out_has_no_window() -> None:
    assert hours(CalendarUnit.DAY, "Pacific/Apia", "2011-12-29", "2012-01-01") == [24, 24]


def test_weeks_begin_on_monday_months_and_years_on_their_first() -> None:
    moment = np.array([at("2026-03-29T12:00", "Europe/Berlin")])
    begins = {unit: windows(unit, "Europe/Berlin").split(moment) for unit in CalendarUnit}
    assert {unit.name: (found.begins[0], found.ends[0]) for unit, found in begins.items()} == {
        "DAY": (at("2026-03-28T23:00"), at("2026-03-29T22:00")),
        "WEEK": (at("2026-03-22T23:00"), at("2026-03-29T22:00")),
        "MONTH": (at("2026-02-28T23:00"), at("2026-03-31T22:00")),
        "YEAR": (at("2025-12-31T23:00"), at("2026-12-31T23:00")),
    }


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("unit", CalendarUnit)
def test_the_first_and_the_last_moment_of_all_have_windows(unit: CalendarUnit, zone: str) -> None:
    found = windows(unit, zone).split(np.array([MIN_TIMESTAMP, 0, MAX_TIMESTAMP - 1]))
    assert found.starts.tolist() == [0, 1, 2]
    assert bounds_of(int(found.begins[0]), int(found.ends[0]))[0] is None
    assert bounds_of(int(found.begins[2]), int(found.ends[2]))[1] is None


def test_more_windows_than_allowed_are_refused_at_once() -> None:
    days = windows(CalendarUnit.DAY, "Europe/Berlin")
    assert len(days.edges(TimeRange(at("2026-01-01"), at("2026-01-10")), 10)) == 11
    for time_range in (TimeRange(at("2026-01-01"), at("2026-01-10")), TimeRange()):
        with pytest.raises(QueryTooLargeError, match="more than 9 rows"):
            days.edges(time_range, 9)


@given(
    st.sampled_from(CalendarUnit),
    st.sampled_from(ZONES),
    st.lists(st.integers(at("1900-01-01"), at("2100-01-01")), min_size=1, max_size=5, unique=True).map(sorted),
)
def test_each_moment_is_in_its_window_and_each_window_is_of_one_unit(
    unit: CalendarUnit, zone: str, moments: list[int]
) -> None:
    windowing = windows(unit, zone)
    found = windowing.split(np.array(moments))
    for index, begin, end in zip(found.starts.tolist(), found.begins.tolist(), found.ends.tolist(), strict=True):
        assert begin <= moments[index] < end
        assert begin <= at("1900-01-01") or windowing.split(np.array([begin])).begins.tolist() == [begin]
        assert windowing.split(np.array([end])).begins.tolist() == [end]
        local = [(EPOCH + timedelta(microseconds=each)).astimezone(ZoneInfo(zone)) for each in (begin, end)]
        # At most one of both is off midnight, where clocks change then.
        assert all(unit.floor(each.date()) == each.date() for each in local)
    edges = windowing.edges(TimeRange(moments[0], moments[0] + 1), 1).tolist()
    assert edges == [found.begins[0], found.ends[0]]


near_changes = st.sampled_from(["2018-11-04", "2026-03-29", "2026-10-25", "2011-12-30", "2026-04-05", "2025-11-02"])
moments_near = st.builds(lambda day, offset: at(day) + offset, near_changes, st.integers(-60 * HOUR, 60 * HOUR))


@given(
    st.lists(moments_near | st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP - 1) | st.integers(0, 2000 * HOUR), max_size=40),
    st.sampled_from(ZONES),
    st.sampled_from(CalendarUnit),
)
def test_windows_around_any_moments_are_those_of_each(moments: list[int], zone: str, unit: CalendarUnit) -> None:
    found = windows(unit, zone).around(np.array(moments, np.int64))
    alone = [windows(unit, zone).split(np.array([moment])) for moment in moments]
    expected = [(int(one.begins[0]), int(one.ends[0])) for one in alone]
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected
