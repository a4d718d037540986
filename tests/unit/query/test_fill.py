"""Windows without points are filled as asked."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.cells import Cells
from iotflow_server.query.fill import Fill, filled
from iotflow_server.query.results import Aggregation, Cell
from iotflow_server.stores.batch import Kind

BEGINS = np.array([0, 10, 20, 40, 50])


def numbers(*values: float | None) -> list[Cell]:
    return [None if value is None else (Kind.NUMERIC, value) for value in values]


def fill(cells: list[Cell], places: list[int], how: Fill, wanted: Any = Aggregation.MAX) -> list[Cell]:
    return list(filled(Cells.of(cells), np.array(places, dtype=np.intp), BEGINS, wanted, how))


def test_null_leaves_them_without_a_value() -> None:
    assert fill(numbers(1.5, 2.5), [1, 3], Fill.NULL) == numbers(None, 1.5, None, 2.5, None)


def test_previous_repeats_the_last_one_and_knows_none_before_the_first() -> None:
    assert fill(numbers(1.5, 2.5), [1, 3], Fill.PREVIOUS) == numbers(None, 1.5, 1.5, 2.5, 2.5)
    text: list[Cell] = [(Kind.TEXT, "on")]
    assert fill(text, [0], Fill.PREVIOUS, Aggregation.FIRST) == text * 5


def test_linear_goes_by_the_windows_beginnings_and_not_beyond_the_ends() -> None:
    assert fill(numbers(1.0, 4.0), [1, 3], Fill.LINEAR) == numbers(None, 1.0, 2.0, 4.0, None)
    whole: list[Cell] = [(Kind.INTEGER, 1), (Kind.INTEGER, 2)]
    assert fill(whole, [1, 3], Fill.LINEAR) == [None, whole[0], (Kind.NUMERIC, 4 / 3), whole[1], None]


@pytest.mark.parametrize("how", [Fill.PREVIOUS, Fill.LINEAR])
def test_where_a_neighbour_has_no_value_there_is_none(how: Fill) -> None:
    assert fill(numbers(None, 4.0), [1, 3], how, Aggregation.STDDEV)[:4] == numbers(None, None, None, 4.0)


@pytest.mark.parametrize("how", [Fill.NULL, Fill.PREVIOUS, Fill.LINEAR])
def test_the_count_of_no_points_is_nought(how: Fill) -> None:
    found = fill([(Kind.INTEGER, 3), (Kind.INTEGER, 4)], [1, 3], how, Aggregation.COUNT)
    assert found == [(Kind.INTEGER, count) for count in (0, 3, 0, 4, 0)]


@pytest.mark.parametrize("ends", [(math.nan, 4.0), (1.0, math.nan)])
def test_a_line_to_or_from_nan_is_nan(ends: tuple[float, float]) -> None:
    between = fill(numbers(*ends), [1, 3], Fill.LINEAR)[2]
    assert between is not None
    assert math.isnan(float(between[1]))


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_linear_is_rounded_once(one: float, other: float) -> None:
    found = fill(numbers(one, other), [0, 4], Fill.LINEAR)[3]
    assert found is not None
    assert found[1] == float(Fraction(one) + (Fraction(other) - Fraction(one)) * Fraction(4, 5))
