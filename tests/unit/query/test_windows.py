"""Windows are aligned to 1970 and tell their own bounds."""

from __future__ import annotations

import numpy as np
import pytest

from iotflow_server.query.windows import Bounds, split
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange


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
    windows = split(np.array([7, 8, 19]), time_range, None)
    assert (windows.starts.tolist(), windows.bounds) == ([0], [bounds])


def test_windows_keep_their_own_bounds_where_the_range_cuts_them_and_empty_ones_are_left_out() -> None:
    windows = split(np.array([7, 8, 35]), TimeRange(7, 36), 10)
    assert (windows.starts.tolist(), windows.bounds) == ([0, 2], [(0, 10), (30, 40)])


def test_few_points_in_many_short_windows_make_few_rows() -> None:
    year = 365 * 86_400_000_000
    assert len(split(np.arange(0, year, year // 10), TimeRange(), 1_000)) == 10


def test_a_bound_outside_the_years_1_to_9999_is_left_out() -> None:
    length = 3 * MAX_TIMESTAMP
    early, late = split(np.array([MIN_TIMESTAMP, MAX_TIMESTAMP - 1]), TimeRange(), length).bounds
    assert early == (None, 0)
    assert late == (0, None)
