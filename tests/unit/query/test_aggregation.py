"""Aggregates of one series equal those of a plain Python oracle, bit for bit."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iotflow_server.query.aggregation import aggregate
from iotflow_server.query.errors import AggregateOverflowError
from iotflow_server.query.results import Aggregation, Cell, Percentile, Wanted
from iotflow_server.query.series import SeriesPoints, series_of
from iotflow_server.query.windows import FixedWindows, WholeRange, Windowing
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.selection import TimeRange
from tests.support.batches import Json, batch, exact
from tests.unit.query import oracle

WHOLE = WholeRange(TimeRange())
NUMBERS: tuple[Wanted, ...] = (
    *(each for each in Aggregation if each.needs_numbers),
    *(Percentile(Fraction(percent)) for percent in ("0", "12.5", "50", "99.9", "100")),
)
WHOLE_NUMBERS = (Aggregation.SUM, Aggregation.RANGE)
SPOILT = tuple(each for each in NUMBERS if each is not Aggregation.MIN)
int64s = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5))
doubles = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e308, -1e308, 1.7976931348623157e308, 5e-324, 0.1]))
moments = st.integers(-10_000, 10_000)


def series(*cells: Any, timestamps: Sequence[int] | None = None) -> SeriesPoints:
    moments_of_cells = list(range(len(cells))) if timestamps is None else timestamps
    (found,) = series_of([batch(3, moments_of_cells, load=cells)])
    return found


def comparable(cell: Cell) -> Any:
    return None if cell is None else (cell[0], exact(*cell))


def results(points: SeriesPoints, wanted: Sequence[Wanted], windowing: Windowing = WHOLE) -> dict[int, list[Any]]:
    """The rows by the start of their windows."""
    windows = windowing.split(points.timestamps)
    columns = aggregate(points, windows, wanted)
    rows = [list(map(comparable, row)) for row in zip(*columns, strict=True)]
    return dict(zip(windows.begins.tolist(), rows, strict=True))


def one(points: SeriesPoints, wanted: Wanted) -> Any:
    ((cell,),) = results(points, [wanted]).values()
    return None if cell is None else cell[1]


def number(value: float) -> Any:
    return exact(Kind.NUMERIC, value)


def expected(kind: Kind, points: Mapping[int, Any], wanted: Wanted, length: int) -> dict[int, list[Any]]:
    parts = oracle.windows([(moment, (kind, value)) for moment, value in sorted(points.items())], length)
    return {start: [comparable(oracle.result(part, wanted))] for start, part in parts.items()}


@given(st.dictionaries(moments, doubles, min_size=1), st.integers(1, 5_000))
@example({0: 1e308, 1: 1e308, 2: -1e308}, 1_000)
@example({0: 1.7976931348623157e308, 1: 9.979201547673599e291}, 1_000)
@example({0: -0.0, 1: -0.0}, 1_000)
@example({0: math.inf, 1: -math.inf, 2: 1.0, 3: 2.0}, 1_000)
@example({0: 5e-324, 1: 1.7976931348623157e308, 2: 5e-324}, 1_000)
@example({0: 5e-324, 1: 1e-323}, 1_000)
def test_aggregates_of_floats_equal_the_oracles(points: dict[int, float], window: int) -> None:
    timestamps = sorted(points)
    whole = series(*(points[each] for each in timestamps), timestamps=timestamps)
    for wanted in (*Aggregation, *NUMBERS):
        found = results(whole, [wanted], FixedWindows(window))
        assert found == expected(Kind.NUMERIC, points, wanted, window), wanted


@given(st.dictionaries(moments, int64s, min_size=1), st.integers(1, 5_000))
@example({0: 2**53, 1: 2**53 + 1}, 1_000)
@example({0: 2**63 - 1, 1: 2**63 - 1, 2: -(2**63)}, 1_000)
@example({0: -(2**63), 1: -(2**63)}, 1_000)
def test_aggregates_of_integers_equal_the_oracles(points: dict[int, int], window: int) -> None:
    timestamps = sorted(points)
    whole = series(*(points[each] for each in timestamps), timestamps=timestamps)
    for wanted in (*Aggregation, *NUMBERS):
        try:
            wished = expected(Kind.INTEGER, points, wanted, window)
        except oracle.OverflowingError:
            with pytest.raises(AggregateOverflowError, match=f"the {wanted.name} of the series 'load' of device 3"):
                results(whole, [wanted], FixedWindows(window))
        else:
            assert results(whole, [wanted], FixedWindows(window)) == wished, wanted


@given(st.lists(doubles, min_size=1).flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_what_does_not_depend_on_time_does_not_depend_on_order(orders: tuple[list[float], list[float]]) -> None:
    timeless = [each for each in NUMBERS if each is not Aggregation.RATE]
    one_way, other_way = (results(series(*values), timeless) for values in orders)
    assert one_way == other_way


def orders_of_the_first_four(values: list[float]) -> list[list[float]]:
    return [[*first, *values[4:]] for first in itertools.permutations(values[:4])]


def test_a_mean_does_not_depend_on_the_order_where_adding_overflows_on_the_way() -> None:
    values = [-1e308, -1e308, 1.7976931348623157e308, 9.161790258063846e297, *[0.0] * 13]
    assert len({one(series(*order), Aggregation.MEAN) for order in orders_of_the_first_four(values)}) == 1


def test_nan_is_the_greatest() -> None:
    some, all_nan = series(math.nan, -math.inf, 2.0), series(math.nan, math.nan)
    assert one(some, Aggregation.MIN) == number(-math.inf)
    assert one(some, Aggregation.MAX) == "NaN"
    assert one(all_nan, Aggregation.MIN) == "NaN"


@pytest.mark.parametrize("wanted", SPOILT, ids=str)
def test_one_nan_spoils_all_but_the_least(wanted: Wanted) -> None:
    assert one(series(1.0, math.nan, 2.0), wanted) == "NaN"


@pytest.mark.parametrize("values", [(math.nan, 1.0, 2.0), (1.0, math.nan, 2.0), (1.0, 2.0, math.nan)])
def test_each_aggregation_keeps_to_the_rule_for_nan(values: tuple[float, ...]) -> None:
    rule: dict[Wanted, Any] = {
        Aggregation.COUNT: 3,
        Aggregation.FIRST: number(values[0]),
        Aggregation.LAST: number(values[-1]),
        Aggregation.MIN: number(1.0),
        **dict.fromkeys(SPOILT, "NaN"),
    }
    assert rule.keys() == {*Aggregation, *NUMBERS}
    assert {wanted: one(series(*values), wanted) for wanted in rule} == rule


def test_negative_zero_is_less_than_zero() -> None:
    for points in (series(0.0, -0.0), series(-0.0, 0.0)):
        assert one(points, Aggregation.MIN) == number(-0.0)
        assert one(points, Aggregation.MAX) == number(0.0)


def test_a_sum_loses_nothing_to_cancellation() -> None:
    assert one(series(1e16, 1.0, -1e16), Aggregation.SUM) == number(1.0)
    assert one(series(1e308, 1e308, -1e308, 1.0), Aggregation.SUM) == number(1e308)


def test_a_long_window_is_summed_exactly() -> None:
    values = [float(value) if value % 2 else value * 1e-17 for value in range(200_000)]
    assert one(series(*values), Aggregation.SUM) == number(math.fsum(reversed(values)))


def test_windows_may_end_and_begin_anywhere_in_a_long_series() -> None:
    values = np.random.default_rng(2).normal(size=400_000) * np.logspace(-200, 200, 400_000)
    for length in (7, 99_999, 131_072, 150_000):
        found = results(series(*values.tolist()), [Aggregation.SUM], FixedWindows(length))
        assert [row[0][1] for row in found.values()] == [
            number(math.fsum(values[start : start + length])) for start in range(0, len(values), length)
        ]


def test_a_deviation_is_that_of_the_sample_and_a_single_point_has_none() -> None:
    values = [2.5, 3.25, 5.5, 11.25]
    assert one(series(*values), Aggregation.STDDEV) == number(statistics.stdev(values))
    assert one(series(3, 3, 3), Aggregation.STDDEV) == number(0.0)
    assert one(series(7), Aggregation.STDDEV) is None
    assert one(series(math.nan), Aggregation.STDDEV) is None


def test_a_deviation_loses_nothing_to_a_large_mean() -> None:
    assert one(series(2**62, 2**62 + 1, 2**62 + 2), Aggregation.STDDEV) == number(1.0)
    assert one(series(1e15, 1e15 + 1, 1e15 + 2), Aggregation.STDDEV) == number(1.0)


def test_percentiles_are_those_that_numpy_calls_linear() -> None:
    values = np.random.default_rng(1).normal(size=1_001)
    for percent in (0.0, 0.1, 25.0, 99.9, 100.0):
        found = aggregate(series(*values.tolist()), WHOLE.split(np.arange(1_001)), [Percentile(Fraction(str(percent)))])
        assert found[0].values.tolist() == [pytest.approx(np.percentile(values, percent), rel=1e-14)]


def test_a_percentile_is_the_decimal_that_is_written() -> None:
    values = [float(value) for value in range(1_001)]
    assert one(series(*values), Percentile(Fraction("99.9"))) == number(999.0)


def test_a_percentile_between_infinities_follows_ieee() -> None:
    half = Percentile(Fraction(50))
    assert one(series(1.0, math.inf), half) == number(math.inf)
    assert one(series(math.inf, math.inf), half) == number(math.inf)
    assert one(series(-math.inf, math.inf), half) == "NaN"


def test_a_rate_counts_each_fall_as_a_new_beginning_at_zero() -> None:
    seconds = [0, 1_000_000, 2_000_000, 4_000_000]
    assert one(series(10, 13, 2, 4, timestamps=seconds), Aggregation.RATE) == number((3 + 2 + 2) / 4)
    assert one(series(10.5, 13.5, 2.0, 4.0, timestamps=seconds), Aggregation.RATE) == number(1.75)
    assert one(series(5), Aggregation.RATE) is None


def test_a_rate_counts_no_rise_between_windows() -> None:
    seconds = [0, 1_000_000, 2_000_000, 3_000_000]
    found = results(series(0, 1, 100, 102, timestamps=seconds), [Aggregation.RATE], FixedWindows(2_000_000))
    assert [row[0][1] for row in found.values()] == [number(1.0), number(2.0)]


def test_windows_before_1970_begin_at_multiples_of_their_length() -> None:
    found = results(series(1, 2, 3, 4, timestamps=[-11, -10, -1, 0]), [Aggregation.COUNT], FixedWindows(10))
    assert found == {-20: [(Kind.INTEGER, 1)], -10: [(Kind.INTEGER, 2)], 0: [(Kind.INTEGER, 1)]}


@pytest.mark.parametrize("cell", ["text", True, Json('{"a": 1}'), -0.0, 2**60])
def test_count_first_and_last_are_for_every_kind(cell: Any) -> None:
    points = series(cell, cell)
    value = (points.kind, exact(points.kind, cell)) if points.kind else None
    (row,) = results(points, [Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST]).values()
    assert row == [(Kind.INTEGER, 2), value, value]


def test_a_series_of_several_kinds_has_count_first_and_last() -> None:
    (mixed,) = series_of([batch(3, [2, 5], load=["a", "b"]), batch(3, [1, 3], load=[2**60 + 1, 7])])
    (row,) = results(mixed, [Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST]).values()
    assert row == [(Kind.INTEGER, 4), (Kind.INTEGER, 2**60 + 1), (Kind.TEXT, "b")]


@given(st.dictionaries(moments, int64s, min_size=1), st.dictionaries(moments, doubles, min_size=1))
def test_a_series_of_integers_and_doubles_is_one_of_doubles(integers: dict[int, int], floats: dict[int, float]) -> None:
    floats = {moment: value for moment, value in floats.items() if moment not in integers} or {20_000: 0.5}
    (mixed,) = series_of(
        batch(3, sorted(part), load=[part[moment] for moment in sorted(part)]) for part in (integers, floats)
    )
    kinds = {moment: (Kind.INTEGER, value) for moment, value in integers.items()}
    points = sorted((kinds | {moment: (Kind.NUMERIC, value) for moment, value in floats.items()}).items())
    for wanted in (*Aggregation, *NUMBERS):
        assert results(mixed, [wanted], WHOLE).popitem()[1] == [comparable(oracle.result(points, wanted))], wanted


@given(st.lists(doubles, min_size=1, max_size=30), st.integers(1, 10))
def test_chunking_does_not_matter(values: list[float], size: int) -> None:
    chunks = [
        batch(3, list(range(start, min(start + size, len(values)))), load=values[start : start + size])
        for start in range(0, len(values), size)
    ]
    (joined,) = series_of(chunks)
    wanted = (*Aggregation, *NUMBERS)
    assert results(joined, wanted, FixedWindows(7)) == results(series(*values), wanted, FixedWindows(7))


def test_values_are_not_changed_on_the_way() -> None:
    points = series(2**53 + 1, 2**63 - 1)
    assert points.values.dtype == np.int64
    assert one(points, Aggregation.MAX) == 2**63 - 1
