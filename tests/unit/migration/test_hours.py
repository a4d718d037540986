"""Times of the day at which a job may work."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iotflow_server.migration.jobs.hours import Hours


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 7, 1, hour, minute, tzinfo=UTC)


def test_no_hours_are_all_hours() -> None:
    assert Hours.parse([], "").allow(at(3))


def test_a_span_has_its_start_and_not_its_end() -> None:
    hours = Hours.parse(["09:00-17:30"], "UTC")
    assert [hours.allow(moment) for moment in (at(8, 59), at(9), at(17, 29), at(17, 30))] == [False, True, True, False]


def test_a_span_may_go_over_midnight() -> None:
    hours = Hours.parse(["22:00-06:00"], "UTC")
    assert [hours.allow(at(hour)) for hour in (21, 22, 0, 5, 6)] == [False, True, True, True, False]


def test_hours_are_those_of_the_time_zone() -> None:
    hours = Hours.parse(["22:00-23:00"], "Europe/Berlin")
    assert hours.allow(at(20, 30))
    assert not hours.allow(at(22, 30))


@pytest.mark.parametrize("span", ["", "22-6", "24:00-06:00", "22:00", "22:00-06:60", "٢٢:00-06:00"])
def test_what_is_no_span_is_named(span: str) -> None:
    with pytest.raises(ValueError, match="22:00-06:00 is right"):
        Hours.parse([span], "UTC")


@pytest.mark.parametrize("zone", ["Mars", "../etc/passwd", "Europe"])
def test_what_is_no_time_zone_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin is right"):
        Hours.parse([], zone)
