"""Windows part time without gaps, and tell their own bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.errors import QueryTooLargeError
from iotflow_server.query.windows import Bounds, FixedWindows, WholeRange, Windowing, bounds_of
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange


def told(windowing: Windowing, moments: list[int]) -> tuple[list[int], list[Bounds]]:
    windows = windowing.split(np.array(moments))
    pairs = zip(windows.begins.tolist(), windows.ends.tolist(), strict=True)
    return windows.starts.tolist(), [bounds_of(*pair) for pair in pairs]


@pytest.mark.parametrize(
    ("time_range", "bounds"),
    [
        (TimeRange(), (None, None)),
        (TimeRange(5, 20), (5, 20)),
        (TimeRange(start=5), (5, None)),
        (TimeRange(end=20), (None, 20)),
    ],
)
def test_without_a_window_the_range_is_the_only_one(time_range: TimeRange, bounds: Bounds) -> None:
    assert told(WholeRange(time_range), [7, 8, 19]) == ([0], [bounds])


def test_windows_keep_their_own_bounds_where_the_range_cuts_them_and_empty_ones_are_left_out() -> None:
    assert told(FixedWindows(10), [7, 8, 35]) == ([0, 2], [(0, 10), (30, 40)])


def test_windows_begin_at_their_origin() -> None:
    assert told(FixedWindows(10, 3), [2, 3, 12, 13]) == ([0, 1, 3], [(-7, 3), (3, 13), (13, 23)])


def test_few_points_in_many_short_windows_make_few_rows() -> None:
    year = 365 * 86_400_000_000
    assert len(FixedWindows(1_000).split(np.arange(0, year, year // 10))) == 10


def test_a_bound_outside_the_years_1_to_9999_is_left_out() -> None:
    _, bounds = told(FixedWindows(3 * MAX_TIMESTAMP), [MIN_TIMESTAMP, MAX_TIMESTAMP - 1])
    assert bounds == [(None, 0), (0, None)]


def test_the_edges_of_a_range_are_those_of_the_windows_that_overlap_it() -> None:
    windows = FixedWindows(10, 3)
    assert windows.edges(TimeRange(3, 23), 2).tolist() == [3, 13, 23]
    assert windows.edges(TimeRange(2, 24), 4).tolist() == [-7, 3, 13, 23, 33]
    with pytest.raises(QueryTooLargeError, match="more than 3 rows"):
        windows.edges(TimeRange(2, 24), 3)
    with pytest.raises(QueryTooLargeError):
        FixedWindows(1).edges(TimeRange(), 1_000_000)


@given(st.integers(-100, 100), st.integers(1, 100), st.integers(1, 40), st.integers(-50, 50), st.data())
def test_windows_of_points_are_among_the_edges(
    start: int, length: int, window: int, origin: int, data: st.DataObject
) -> None:
    time_range = TimeRange(start, start + length)
    moments = sorted(data.draw(st.sets(st.integers(start, time_range.end - 1), min_size=1)))
    windowing = FixedWindows(window, origin)
    edges = windowing.edges(time_range, 200).tolist()
    windows = windowing.split(np.array(moments))
    assert edges[0] <= start < edges[1]
    assert edges[-2] < time_range.end <= edges[-1]
    assert set(windows.begins.tolist()) <= set(edges[:-1])
    assert set(np.diff(edges)) == {window}
