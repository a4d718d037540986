"""Aggregates of one series equal those of a plain Python oracle, bit for bit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iotflow_server.query.aggregation import aggregate
from iotflow_server.query.errors import AggregateOverflowError, AggregateTypeError
from iotflow_server.query.results import Aggregation
from iotflow_server.query.series import SeriesPoints, series_of
from iotflow_server.query.windows import split
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.selection import TimeRange
from tests.support.batches import Json, batch, exact
from tests.unit.query import oracle

ALL = tuple(Aggregation)
NUMBERS = tuple(each for each in ALL if each.needs_numbers)
AVERAGES = (Aggregation.MEAN, Aggregation.SUM, Aggregation.MEDIAN)
int64s = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5))
doubles = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e308, -1e308, 1.7976931348623157e308, 5e-324, 0.1]))
moments = st.integers(-10_000, 10_000)


def series(*cells: Any, timestamps: Sequence[int] | None = None) -> SeriesPoints:
    moments_of_cells = list(range(len(cells))) if timestamps is None else timestamps
    (found,) = series_of([batch(3, moments_of_cells, load=cells)])
    return found


def results(points: SeriesPoints, aggregations: Sequence[Aggregation], window_us: int | None = None) -> list[Any]:
    windows = split(points.timestamps, TimeRange(), window_us)
    rows = list(aggregate(points, windows, aggregations))
    assert len(rows) == len(windows)
    return [
        (bounds[0], [(kind, exact(kind, value)) for kind, value in row])
        for bounds, row in zip(windows.bounds, rows, strict=True)
    ]


def one(points: SeriesPoints, aggregation: Aggregation) -> Any:
    ((_, [(_, value)]),) = results(points, [aggregation])
    return value


def cells(expected: dict[Aggregation, tuple[Kind, Any]], aggregations: Sequence[Aggregation]) -> list[Any]:
    return [(kind, exact(kind, value)) for kind, value in (expected[each] for each in aggregations)]


@given(st.dictionaries(moments, doubles, min_size=1), st.integers(1, 5_000))
@example({0: 1e308, 1: 1e308, 2: -1e308}, 1_000)
@example({0: 1.7976931348623157e308, 1: 9.979201547673599e291}, 1_000)
@example({0: -0.0, 1: -0.0}, 1_000)
@example({0: math.inf, 1: -math.inf, 2: 1.0, 3: 2.0}, 1_000)
def test_aggregates_of_floats_equal_the_oracles(points: dict[int, float], window: int) -> None:
    timestamps = sorted(points)
    found = results(series(*(points[each] for each in timestamps), timestamps=timestamps), ALL, window)
    expected = oracle.windows(list(points.items()), window)
    assert found == [(start, cells(oracle.floats(values), ALL)) for start, values in expected.items()]


@given(st.dictionaries(moments, int64s, min_size=1), st.integers(1, 5_000))
@example({0: 2**53, 1: 2**53 + 1}, 1_000)
@example({0: 2**63 - 1, 1: 2**63 - 1, 2: -(2**63)}, 1_000)
def test_aggregates_of_integers_equal_the_oracles(points: dict[int, int], window: int) -> None:
    timestamps = sorted(points)
    whole = series(*(points[each] for each in timestamps), timestamps=timestamps)
    expected = {
        start: oracle.integers(values) for start, values in oracle.windows(list(points.items()), window).items()
    }
    asked = [each for each in ALL if each is not Aggregation.SUM]
    assert results(whole, asked, window) == [(start, cells(row, asked)) for start, row in expected.items()]
    sums = [row[Aggregation.SUM][1] for row in expected.values()]
    if all(-(2**63) <= total < 2**63 for total in sums):
        found = [value for _, [(_, value)] in results(whole, [Aggregation.SUM], window)]
        assert found == sums
    else:
        with pytest.raises(AggregateOverflowError, match="'load' of device 3 is beyond 64 bits"):
            results(whole, [Aggregation.SUM], window)


@given(st.lists(doubles, min_size=1).flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_what_does_not_depend_on_time_does_not_depend_on_order(orders: tuple[list[float], list[float]]) -> None:
    one_way, other_way = (results(series(*values), NUMBERS) for values in orders)
    assert one_way == other_way


def orders_of_the_first_four(values: list[float]) -> list[list[float]]:
    return [[*first, *values[4:]] for first in itertools.permutations(values[:4])]


def test_a_mean_does_not_depend_on_the_order_where_adding_overflows_on_the_way() -> None:
    values = [-1e308, -1e308, 1.7976931348623157e308, 9.161790258063846e297, *[0.0] * 13]
    assert len({one(series(*order), Aggregation.MEAN) for order in orders_of_the_first_four(values)}) == 1


def test_nan_is_the_greatest() -> None:
    some, all_nan = series(math.nan, -math.inf, 2.0), series(math.nan, math.nan)
    assert one(some, Aggregation.MIN) == exact(Kind.NUMERIC, -math.inf)
    assert one(some, Aggregation.MAX) == "NaN"
    assert one(all_nan, Aggregation.MIN) == "NaN"


@pytest.mark.parametrize("aggregation", AVERAGES)
def test_one_nan_spoils(aggregation: Aggregation) -> None:
    assert one(series(1.0, math.nan, 2.0), aggregation) == "NaN"


def test_negative_zero_is_less_than_zero() -> None:
    for points in (series(0.0, -0.0), series(-0.0, 0.0)):
        assert one(points, Aggregation.MIN) == exact(Kind.NUMERIC, -0.0)
        assert one(points, Aggregation.MAX) == exact(Kind.NUMERIC, 0.0)


def test_a_sum_loses_nothing_to_cancellation() -> None:
    assert one(series(1e16, 1.0, -1e16), Aggregation.SUM) == exact(Kind.NUMERIC, 1.0)
    assert one(series(1e308, 1e308, -1e308, 1.0), Aggregation.SUM) == exact(Kind.NUMERIC, 1e308)


def test_a_long_window_is_summed_exactly() -> None:
    values = [float(number) if number % 2 else number * 1e-17 for number in range(200_000)]
    assert one(series(*values), Aggregation.SUM) == exact(Kind.NUMERIC, math.fsum(reversed(values)))


def test_windows_before_1970_begin_at_multiples_of_their_length() -> None:
    found = results(series(1, 2, 3, 4, timestamps=[-11, -10, -1, 0]), [Aggregation.COUNT], 10)
    assert [start for start, _ in found] == [-20, -10, 0]
    assert [row[0][1] for _, row in found] == [1, 2, 1]


@pytest.mark.parametrize("aggregation", NUMBERS)
@pytest.mark.parametrize("cell", ["text", True, Json("1")])
def test_what_needs_numbers_refuses_other_kinds_naming_the_series(cell: Any, aggregation: Aggregation) -> None:
    points = series(cell)
    with pytest.raises(AggregateTypeError, match="'load' of device 3 holds") as refusal:
        results(points, [aggregation])
    assert (refusal.value.device_id, refusal.value.measurement) == (3, "load")
    assert refusal.value.kind is points.kind


@pytest.mark.parametrize("cell", ["text", True, Json('{"a": 1}'), -0.0, 2**60])
def test_count_first_and_last_are_for_every_kind(cell: Any) -> None:
    points = series(cell, cell)
    value = (points.kind, exact(points.kind, cell)) if points.kind else None
    ((_, row),) = results(points, [Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST])
    assert row == [(Kind.INTEGER, 2), value, value]


def test_a_series_of_several_kinds_has_count_first_and_last_only() -> None:
    parts = [batch(3, [2, 5], load=["a", "b"]), batch(3, [1, 3], load=[2**60 + 1, 7])]
    (mixed,) = series_of(parts)
    ((_, row),) = results(mixed, [Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST])
    assert row == [(Kind.INTEGER, 4), (Kind.INTEGER, 2**60 + 1), (Kind.TEXT, "b")]
    with pytest.raises(AggregateTypeError, match="several kinds"):
        results(mixed, [Aggregation.MEAN])


@given(st.lists(doubles, min_size=1, max_size=30), st.integers(1, 10))
def test_chunking_does_not_matter(values: list[float], size: int) -> None:
    chunks = [
        batch(3, list(range(start, min(start + size, len(values)))), load=values[start : start + size])
        for start in range(0, len(values), size)
    ]
    (joined,) = series_of(chunks)
    assert results(joined, ALL, 7) == results(series(*values), ALL, 7)


def test_values_are_not_changed_on_the_way() -> None:
    points = series(2**53 + 1, 2**63 - 1)
    assert points.values.dtype == np.int64
    assert one(points, Aggregation.MAX) == 2**63 - 1
