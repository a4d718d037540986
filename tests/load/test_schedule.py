"""Calls are due as ghz paces them."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice, pairwise
from typing import Any

import pytest

from tests.load.config import parse
from tests.load.schedule import due_times

CONFIG = {"call": "a.B.C", "host": "h:1", "insecure": True, "data": {}}


def due(count: int, **keys: Any) -> list[float]:
    named = {name.replace("_", "-"): value for name, value in keys.items()}
    return list(islice(due_times(parse({**CONFIG, **named}, "x")), count))


def calls_in_each_second(times: list[float], seconds: int) -> list[int]:
    ends = [bisect_right(times, second + 1e-9) for second in range(seconds + 1)]
    return [end - begin for begin, end in pairwise(ends)]


def test_without_a_rate_all_are_due_at_once() -> None:
    assert due(5) == [0.0] * 5


def test_a_constant_rate_is_even() -> None:
    assert due(5, rps=4) == [0.25, 0.5, 0.75, 1.0, 1.25]


def test_steps_up_to_the_end_and_stays_there() -> None:
    times = due(500, load_schedule="step", load_start=10, load_end=30, load_step=10, load_step_duration="2s")
    assert calls_in_each_second(times, 8) == [10, 10, 20, 20, 30, 30, 30, 30]


def test_a_line_climbs_each_second() -> None:
    times = due(500, load_schedule="line", load_start=10, load_end=18, load_step=4)
    assert calls_in_each_second(times, 5) == [10, 14, 18, 18, 18]


def test_a_line_falls() -> None:
    times = due(500, load_schedule="line", load_start=20, load_end=10, load_step=-5)
    assert calls_in_each_second(times, 5) == [20, 15, 10, 10, 10]


@pytest.mark.parametrize(("load_end", "after"), [(50, 50), (0, 30)])
def test_a_longest_duration_ends_the_climb_early(load_end: int, after: int) -> None:
    times = due(500, load_schedule="line", load_start=10, load_end=load_end, load_step=10, load_max_duration="2s")
    assert calls_in_each_second(times, 4) == [10, 20, after, after]


def test_a_step_of_odd_length_loses_no_call() -> None:
    times = due(500, load_schedule="step", load_start=3, load_end=9, load_step=3, load_step_duration="500ms")
    # 1.5 and 3 calls in the first two steps, 9 a second from then on.
    assert bisect_right(times, 1.0 + 1e-9) == 4
    assert bisect_right(times, 2.0 + 1e-9) == 13
