"""What is computed of many numbers at once is what Python's integers and fractions give, to the last bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iotflow_server.query.bounded import BoundedSums, bounded, joined
from iotflow_server.query.exact import ExactSums, between, rounded
from iotflow_server.query.lines import all_between
from iotflow_server.query.quotients import quotients

bits = st.integers(0, 125)
totals = st.one_of(
    bits.flatmap(lambda count: st.integers(-(2**count), 2**count)),
    st.builds(lambda count, near: (1 << count) + near, bits, st.integers(-3, 3)),
    st.builds(lambda high, low: (high << 64) + low, st.integers(-5, 5), st.integers(-5, 5)),
)
divisors = st.one_of(st.integers(1, 2**40), st.integers(1, 100), st.sampled_from([1, 2, 3, 2**53 - 1]))
exponents = st.one_of(st.integers(-1_200, 1_000), st.integers(-60, 0))
summands = st.lists(st.tuples(totals, exponents), min_size=1, max_size=12)


def sums_of(parts: list[tuple[int, int]]) -> BoundedSums:
    found = [bounded(ExactSums([total], exponent)) for total, exponent in parts]
    all_of_them = joined(found)
    assert isinstance(all_of_them, BoundedSums)
    return all_of_them


def value(total: int, exponent: int) -> Fraction:
    return Fraction(total) * Fraction(2) ** exponent


def ratio(exact: Fraction) -> float:
    return rounded(exact.numerator, exact.denominator)


def same(found: float, expected: float) -> bool:
    return math.copysign(1, found) == math.copysign(1, expected) and (found == expected or found != found != expected)


@settings(max_examples=1_000)
@given(st.lists(st.tuples(totals, exponents, divisors), min_size=1, max_size=20))
def test_a_quotient_is_rounded_once(parts: list[tuple[int, int, int]]) -> None:
    found = sums_of([(total, exponent) for total, exponent, _ in parts]).over(np.array([part[2] for part in parts]))
    expected = [ratio(value(total, exponent) / divisor) for total, exponent, divisor in parts]
    assert all(map(same, found.tolist(), expected))


@given(st.integers(2**52, 2**53 - 1), st.integers(1, 50), st.integers(-1, 1))
def test_a_quotient_in_the_middle_between_two_doubles_is_rounded_to_even(number: int, shift: int, near: int) -> None:
    total = ((2 * number + 1) << shift) + near
    assert sums_of([(total * 3, 0)]).over(np.array([3])).tolist() == [float(Fraction(total))]


def test_quotients_tell_where_they_are_not_certain() -> None:
    middle = quotients(np.array([2.0**53]), np.array([1.0]), np.array([1.0]))
    assert not middle[1][0]


@given(summands, st.data())
def test_merged_sums_are_those_of_their_parts(parts: list[tuple[int, int]], data: st.DataObject) -> None:
    starts = sorted({0, *data.draw(st.lists(st.integers(0, len(parts) - 1)))})
    found = sums_of(parts).merged(np.array(starts)).exactly()
    expected = [
        sum((value(*part) for part in parts[start:end]), Fraction(0))
        for start, end in zip(starts, [*starts[1:], len(parts)], strict=True)
    ]
    assert [value(total, found.exponent) for total in found.totals] == expected


@given(summands)
def test_arrays_hold_the_same_sums(parts: list[tuple[int, int]]) -> None:
    found = sums_of(parts).exactly()
    assert [value(total, found.exponent) for total in found.totals] == [value(*part) for part in parts]


def test_sums_that_need_more_room_stay_what_they_are() -> None:
    huge = ExactSums([2**300, 1], 0)
    assert bounded(huge) is huge
    both = joined([huge, sums_of([(5, -2)])]).exactly()
    assert [value(total, both.exponent) for total in both.totals] == [2**300, 1, Fraction(5, 4)]


ends = st.one_of(st.floats(), st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308]))
whole_ends = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
weights = st.fractions(0, 1, max_denominator=10**6).filter(lambda weight: weight < 1)


@settings(max_examples=500)
@given(st.lists(st.tuples(ends, ends), min_size=1), weights)
def test_points_between_doubles_are_rounded_once(pairs: list[tuple[float, float]], weight: Fraction) -> None:
    lower, upper = (np.array(each) for each in zip(*pairs, strict=True))
    expected = [between(one, other, weight) for one, other in pairs]
    assert all(map(same, all_between(lower, upper, weight).tolist(), expected))


@settings(max_examples=500)
@given(st.lists(st.tuples(whole_ends, whole_ends), min_size=1), weights)
def test_points_between_integers_are_rounded_once(pairs: list[tuple[int, int]], weight: Fraction) -> None:
    lower, upper = (np.array(each, np.int64) for each in zip(*pairs, strict=True))
    expected = [float(between(one, other, weight)) for one, other in pairs]
    assert all(map(same, all_between(lower, upper, weight).tolist(), expected))
