"""A report sums up a run as ghz does, and is shown as text and as a picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.load.config import parse
from tests.load.distribution import histogram, percentile
from tests.load.outcome import Outcome, status_name
from tests.load.picture import picture
from tests.load.report import Report, report_of
from tests.load.table import side_by_side

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG = {"call": "a.B.C", "host": "h:1", "insecure": True, "data": {}, "name": "a<b"}
LATENCIES = st.lists(st.integers(1, 10**10), min_size=1, max_size=200).map(sorted)


def well(milliseconds: int) -> Outcome:
    return Outcome(NOON + timedelta(milliseconds=milliseconds), milliseconds * 1_000_000, "OK")


def badly(milliseconds: int) -> Outcome:
    return Outcome(NOON, milliseconds * 1_000_000, "Internal", "rpc error: code = Internal desc = x")


def report(*outcomes: Outcome, **keys: Any) -> Report:
    return report_of(parse({**CONFIG, **keys}, "x"), outcomes, 2.0, NOON, "normal")


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (10, 1), (11, 2), (50, 5), (95, 10), (100, 10)])
def test_a_percentile_is_that_of_the_nearest_rank(percent: int, value: int) -> None:
    assert percentile(range(1, 11), percent) == value


@given(LATENCIES)
def test_a_histogram_counts_each_call_once(latencies: list[int]) -> None:
    buckets = histogram(latencies)
    assert len(buckets) == 11
    assert sum(bucket.count for bucket in buckets) == len(latencies)
    assert (buckets[0].mark, buckets[-1].mark) == (latencies[0] / 1e9, latencies[-1] / 1e9)


def test_a_call_is_in_the_first_bucket_that_reaches_it() -> None:
    assert [bucket.count for bucket in histogram([0, 1, 9, 10, 11, 100])] == [1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_latencies_are_of_the_calls_that_ended_well_and_the_average_of_all() -> None:
    summed = report(well(10), badly(100), well(40))
    assert (summed.fastest, summed.slowest, summed.average) == (10_000_000, 40_000_000, 50_000_000)
    assert (summed.count, summed.rps, summed.total) == (3, 1.5, 2_000_000_000)
    assert summed.status_code_distribution == {"OK": 2, "Internal": 1}
    assert summed.error_distribution == {"rpc error: code = Internal desc = x": 1}


def test_calls_that_failed_count_where_the_config_says_so() -> None:
    assert report(well(10), badly(100), **{"count-errors": True}).slowest == 100_000_000


@pytest.mark.parametrize("outcomes", [(), (badly(5),)])
def test_where_no_call_ended_well_there_is_no_distribution(outcomes: tuple[Outcome, ...]) -> None:
    summed = report(*outcomes)
    assert (summed.latency_distribution, summed.histogram, summed.latency(95)) == (None, None, None)


def test_a_report_with_a_key_that_ghz_does_not_have_is_refused() -> None:
    document = report(well(1)).model_dump()
    with pytest.raises(ValidationError, match="p95"):
        Report.model_validate({**document, "p95": 1})


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (grpc.StatusCode.OK, "OK"),
        (grpc.StatusCode.CANCELLED, "Canceled"),
        (grpc.StatusCode.INVALID_ARGUMENT, "InvalidArgument"),
        (grpc.StatusCode.UNAVAILABLE, "Unavailable"),
    ],
)
def test_a_status_is_named_as_go_names_it(code: grpc.StatusCode, name: str) -> None:
    assert status_name(code) == name


def test_reports_stand_side_by_side() -> None:
    lines = side_by_side([("locust", report(well(10), badly(1))), ("ghz", report())]).splitlines()
    assert lines[0].split() == ["locust", "ghz"]
    assert lines[1].split() == ["calls", "2", "0"]
    assert [line.split() for line in lines if line.startswith("p95")] == [["p95", "ms", "10.00", "-"]]
    assert len({len(line.rstrip()) for line in lines[1:]}) == 1


@pytest.mark.parametrize("outcomes", [(), (well(1),), (badly(1),), tuple(map(well, range(1, 200)))])
def test_a_picture_is_whole_and_asks_for_nothing_from_elsewhere(outcomes: tuple[Outcome, ...]) -> None:
    text = picture([report(*outcomes), report(well(3), well(3))])
    root = ElementTree.fromstring(text)
    assert "a<b" in "".join(root.itertext())
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    bars = [bar for bar in root.iter() if bar.get("class") == "bar"]
    assert len(bars) == (22 if any(not outcome.error for outcome in outcomes) else 11)
