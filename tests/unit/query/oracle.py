"""What aggregates must be, in plain Python: slow, exact, and with nothing in common with the numpy code."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from iotflow_server.query.results import Aggregation, Percentile, Wanted
from iotflow_server.stores.batch import Kind

#: A value as a store has it; a result, None where there is none.
Value = tuple[Kind, Any]
Cell = Value | None
#: Points of one series or window: timestamp and value, ascending.
Points = Sequence[tuple[int, Value]]

NUMBERS = {Kind.NUMERIC, Kind.INTEGER}


class OverflowingError(Exception):
    """An integer is beyond 64 bits."""


def result(points: Points, wanted: Wanted) -> Cell:
    """An aggregate of the points of one window, at least one."""
    if wanted is Aggregation.COUNT:
        return Kind.INTEGER, len(points)
    if wanted is Aggregation.FIRST:
        return points[0][1]
    if wanted is Aggregation.LAST:
        return points[-1][1]
    kinds = {kind for _, (kind, _) in points}
    assert kinds <= NUMBERS
    if kinds == {Kind.INTEGER}:
        return _of_integers([value for _, (_, value) in points], [moment for moment, _ in points], wanted)
    return _of_floats([float(value) for _, (_, value) in points], [moment for moment, _ in points], wanted)


def windows(points: Points, length: int, origin: int = 0) -> dict[int, list[tuple[int, Value]]]:
    """The points of each window by its start, in order of time."""
    found: dict[int, list[tuple[int, Value]]] = {}
    for moment, value in points:
        found.setdefault(math.floor(Fraction(moment - origin, length)) * length + origin, []).append((moment, value))
    return dict(sorted(found.items()))


def linear(before: tuple[int, Cell], after: tuple[int, Cell], at: int) -> Cell:
    """The value at a moment between two."""
    if before[1] is None or after[1] is None:
        return None
    (start, (_, one)), (end, (_, other)) = (before[0], before[1]), (after[0], after[1])
    return Kind.NUMERIC, _line(one, other, Fraction(at - start, end - start))


def _of_integers(values: Sequence[int], moments: Sequence[int], wanted: Wanted) -> Cell:
    same: Mapping[Wanted, Callable[[], int]] = {
        Aggregation.SUM: lambda: sum(values),
        Aggregation.MIN: lambda: min(values),
        Aggregation.MAX: lambda: max(values),
        Aggregation.RANGE: lambda: max(values) - min(values),
    }
    if wanted not in same:
        return _estimate(sorted(map(Fraction, values)), [*map(Fraction, values)], moments, wanted)
    found = same[wanted]()
    if not -(2**63) <= found < 2**63:
        raise OverflowingError
    return Kind.INTEGER, found


def _of_floats(values: Sequence[float], moments: Sequence[int], wanted: Wanted) -> Cell:
    ordered = sorted(values, key=_rank)
    simple: Mapping[Wanted, Callable[[], float]] = {
        Aggregation.SUM: lambda: _sum(values),
        Aggregation.MIN: lambda: ordered[0],
        Aggregation.MAX: lambda: ordered[-1],
        Aggregation.RANGE: lambda: ordered[-1] - ordered[0],
    }
    if wanted in simple:
        return Kind.NUMERIC, simple[wanted]()
    odd = [value for value in values if not math.isfinite(value)]
    if isinstance(wanted, Percentile) or wanted is Aggregation.MEDIAN:
        percentile = wanted.percentile if isinstance(wanted, Percentile) else Fraction(50)
        return Kind.NUMERIC, math.nan if any(map(math.isnan, odd)) else _percentile(ordered, percentile)
    if odd:
        needs_two = wanted in (Aggregation.STDDEV, Aggregation.RATE)
        value = math.nan if needs_two else _special(values)
        return None if needs_two and len(values) == 1 else (Kind.NUMERIC, value)
    return _estimate([], [*map(Fraction, values)], moments, wanted)


def _estimate(ordered: Sequence[Fraction], values: Sequence[Fraction], moments: Sequence[int], wanted: Wanted) -> Cell:
    """An aggregate that is a double, of finite values."""
    count = len(values)
    if isinstance(wanted, Percentile):
        return Kind.NUMERIC, _percentile(ordered, wanted.percentile)
    if wanted is Aggregation.MEDIAN:
        return Kind.NUMERIC, _percentile(ordered, Fraction(50))
    mean = sum(values, Fraction(0)) / count
    if wanted is Aggregation.MEAN:
        return Kind.NUMERIC, _rounded(mean)
    if count == 1:
        return None
    if wanted is Aggregation.STDDEV:
        return Kind.NUMERIC, _root(sum(((value - mean) ** 2 for value in values), Fraction(0)) / (count - 1))
    assert wanted is Aggregation.RATE
    rise = sum((new if new < old else new - old for old, new in itertools.pairwise(values)), Fraction(0))
    return Kind.NUMERIC, _rounded(rise / Fraction(moments[-1] - moments[0], 1_000_000))


def _rank(value: float) -> tuple[bool, float, float]:
    nan = math.isnan(value)
    return (nan, 0.0 if nan else value, math.copysign(1.0, value) if not nan else 0.0)


def _special(values: Sequence[float]) -> float | None:
    odd = {value for value in values if not math.isfinite(value)}
    if any(map(math.isnan, odd)) or len(odd) > 1:
        return math.nan
    return odd.pop() if odd else None


def _sum(values: Sequence[float]) -> float:
    special = _special(values)
    return _rounded(sum(map(Fraction, values), Fraction(0))) if special is None else special


def _percentile(ordered: Sequence[Any], percentile: Fraction) -> float:
    place = (len(ordered) - 1) * percentile / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return _line(ordered[below], ordered[above], place - below)


def _line(one: Any, other: Any, weight: Fraction) -> float:
    if one == other or weight == 0:
        return float(one)
    special = _special([float(one), float(other)])
    if special is not None:
        return special
    return _rounded(Fraction(one) + (Fraction(other) - Fraction(one)) * weight)


def _root(exact: Fraction) -> float:
    with localcontext() as context:
        # Enough digits for any double, and for what decides how to round.
        context.prec = 1_500
        return float((Decimal(exact.numerator) / Decimal(exact.denominator)).sqrt())


def _rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def extremes(points: Mapping[int, float], count: int) -> list[int]:
    """The moments of the least and the greatest point of each of count / 2 buckets of time, ascending."""
    first, span = min(points), max(points) - min(points) + 1
    buckets: dict[int, list[int]] = {}
    for moment in sorted(points):
        buckets.setdefault((moment - first) * (count // 2) // span, []).append(moment)
    found: set[int] = set()
    for moments in buckets.values():
        least, greatest = (choose(_rank(points[each]) for each in moments) for choose in (min, max))
        found |= {next(each for each in moments if _rank(points[each]) == rank) for rank in (least, greatest)}
    return sorted(found)
