"""Downsampling returns real points: those that a plot needs."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from fractions import Fraction
from statistics import mean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.downsampler import downsampled
from iotflow_server.query.downsampling import Downsampling, DownsamplingMethod, extremes, largest_triangles
from iotflow_server.query.errors import DownsamplingTypeError, QueryTooLargeError
from iotflow_server.stores.batch import Batch, Kind
from tests.support.batches import Json, batch, check_shape, collect, points_of
from tests.unit.query import oracle

Place = tuple[Fraction, Fraction]
LTTB = DownsamplingMethod.LTTB
finite = st.floats(allow_nan=False, allow_infinity=False)
series = st.dictionaries(st.integers(-(10**16), 10**16), finite, min_size=5, max_size=60)


async def scan(*batches: Batch) -> AsyncIterator[Batch]:
    for each in batches:
        yield each


async def reduced(
    *batches: Batch,
    method: DownsamplingMethod = LTTB,
    count: int = 4,
    max_points: int = 1_000,
    descending: bool = False,
) -> list[Batch]:
    found = downsampled(scan(*batches), Downsampling(method, count), max_points=max_points, descending=descending)
    return await collect(found, descending=descending)


@given(series, st.integers(4, 10))
def test_min_max_takes_the_extremes_of_each_bucket_of_time(points: dict[int, float], count: int) -> None:
    moments = sorted(points)
    found = extremes(np.array(moments), np.array([points[each] for each in moments]), count).tolist()
    assert [moments[each] for each in found] == oracle.extremes(points, count)


@given(series, st.integers(4, 8))
def test_lttb_takes_the_largest_triangle_of_each_bucket_of_points(points: dict[int, float], count: int) -> None:
    moments = sorted(points)
    values = [points[each] for each in moments]
    if len(values) > count:
        found = largest_triangles(np.array(moments), np.array(values), count).tolist()
        assert len(found) == count
        assert (found[0], found[-1]) == (0, len(values) - 1)
        check_triangles(moments, values, found)


def check_triangles(moments: Sequence[int], values: Sequence[float], found: Sequence[int]) -> None:
    buckets = len(found) - 2
    edges = [1 + math.floor(Fraction(len(values) - 2, buckets) * number) for number in range(buckets + 1)]
    points = [(Fraction(moment), Fraction(value)) for moment, value in zip(moments, values, strict=True)]
    for number in range(buckets):
        after = points[edges[number + 1] : edges[number + 2]] if number + 1 < buckets else points[-1:]
        third = mean(axis for axis, _ in after), mean(axis for _, axis in after)
        areas = [area(points[found[number]], point, third) for point in points[edges[number] : edges[number + 1]]]
        place = found[number + 1] - edges[number]
        assert 0 <= place < len(areas)
        # Where two triangles are nearly as large, rounding decides.
        slack = (points[-1][0] - points[0][0]) * max(abs(value) for _, value in points) / 10**12
        assert areas[place] >= max(areas) - slack


def area(one: Place, other: Place, third: Place) -> Fraction:
    return abs((other[0] - one[0]) * (third[1] - one[1]) - (other[1] - one[1]) * (third[0] - one[0]))


@pytest.mark.parametrize("method", DownsamplingMethod)
async def test_points_are_those_of_the_series_unchanged(method: DownsamplingMethod) -> None:
    whole = batch(1, list(range(100)), a=[2**53 + n * n % 7 for n in range(100)], b=[n % 9 / 7 for n in range(100)])
    (found,) = await reduced(whole, method=method, count=10)
    kept, all_points = points_of([found]), points_of([whole])
    assert kept.items() <= all_points.items()
    assert {name: sum(key[2] == name for key in kept) for name in "ab"} == {"a": 10, "b": 10}


async def test_a_short_series_is_whole_but_for_what_cannot_be_plotted() -> None:
    (found,) = await reduced(batch(1, [1, 2, 3, 4, 5], a=[1.5, math.nan, math.inf, -0.0, None]))
    assert points_of([found]) == points_of([batch(1, [1, 4], a=[1.5, -0.0])])
    assert await reduced(batch(1, [1], a=[math.nan])) == []


@pytest.mark.parametrize("method", DownsamplingMethod)
async def test_a_flat_series_and_the_greatest_values_are_no_trouble(method: DownsamplingMethod) -> None:
    for values in ([0.0] * 20, [1.5] * 20, [1.7e308, -1.7e308] * 10, [5e-324, 0.0] * 10):
        (found,) = await reduced(batch(1, list(range(20)), a=values), method=method)
        assert 2 <= len(found.timestamps) <= 4


async def test_devices_come_one_by_one_and_turned_round_where_asked() -> None:
    batches = [batch(device, list(range(10)), a=list(range(10)), meta_m=["x"] * 10) for device in (1, 2)]
    for descending in (False, True):
        found = await reduced(*batches, descending=descending)
        assert [each.device_id for each in found] == [1, 2]
        assert {column.name for each in found for column in each.columns} == {"a"}


async def test_values_of_both_kinds_of_numbers_keep_their_kinds() -> None:
    parts = [batch(1, [0, 1, 2, 3, 4], a=[2**60, 1, 1, 1, 1]), batch(1, [5, 6, 7, 8], a=[0.5, 0.5, 0.5, 2.5])]
    (found,) = await reduced(*parts)
    check_shape(found)
    kinds = {key[0]: value[0] for key, value in points_of([found]).items()}
    assert (kinds[0], kinds[8]) == (Kind.INTEGER, Kind.NUMERIC)
    assert points_of([found])[0, 1, "a"] == (Kind.INTEGER, 2**60)


@pytest.mark.parametrize("cell", ["x", True, Json("1")])
async def test_what_is_no_number_is_refused_naming_the_series(cell: Any) -> None:
    with pytest.raises(DownsamplingTypeError, match=r"downsampling needs numbers, .* 'a' of device 7 holds"):
        await reduced(batch(7, [1], a=[cell]))


async def test_memory_is_bounded() -> None:
    with pytest.raises(QueryTooLargeError, match="more than 9 points of device 1"):
        await reduced(batch(1, list(range(10)), a=list(range(10))), max_points=9)
