"""What aggregates must be, in plain Python: slow, exact, and with nothing in common with the numpy code."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from iotflow_server.query.results import Aggregation
from iotflow_server.stores.batch import Kind

Cell = tuple[Kind, Any]


def windows(points: Sequence[tuple[int, Any]], length: int) -> dict[int, list[Any]]:
    """The values of each window by its start, in order of time."""
    found: dict[int, list[Any]] = {}
    for moment, value in sorted(points, key=lambda each: each[0]):
        found.setdefault(math.floor(Fraction(moment, length)) * length, []).append(value)
    return dict(sorted(found.items()))


def integers(values: Sequence[int]) -> dict[Aggregation, Cell]:
    """Every aggregate of integers."""
    return {
        Aggregation.MEAN: (Kind.NUMERIC, float(Fraction(sum(values), len(values)))),
        Aggregation.SUM: (Kind.INTEGER, sum(values)),
        Aggregation.COUNT: (Kind.INTEGER, len(values)),
        Aggregation.MIN: (Kind.INTEGER, min(values)),
        Aggregation.MAX: (Kind.INTEGER, max(values)),
        Aggregation.FIRST: (Kind.INTEGER, values[0]),
        Aggregation.LAST: (Kind.INTEGER, values[-1]),
        Aggregation.MEDIAN: (Kind.NUMERIC, float(statistics.median(map(Fraction, values)))),
    }


def floats(values: Sequence[float]) -> dict[Aggregation, Cell]:
    """Every aggregate of floats."""
    ordered = sorted(values, key=_rank)
    results = {
        Aggregation.MEAN: _mean(values),
        Aggregation.SUM: _sum(values),
        Aggregation.MIN: ordered[0],
        Aggregation.MAX: ordered[-1],
        Aggregation.FIRST: values[0],
        Aggregation.LAST: values[-1],
        Aggregation.MEDIAN: _median(ordered),
    }
    return {name: (Kind.NUMERIC, value) for name, value in results.items()} | {
        Aggregation.COUNT: (Kind.INTEGER, len(values))
    }


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


def _mean(values: Sequence[float]) -> float:
    total = _sum(values)
    if math.isinf(total) and _special(values) is None:
        return _rounded(sum(map(Fraction, values), Fraction(0)) / len(values))
    return total / len(values)


def _median(ordered: Sequence[float]) -> float:
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if math.isnan(ordered[-1]):
        return math.nan
    if lower == upper:
        return lower
    special = _special([lower, upper])
    return _rounded((Fraction(lower) + Fraction(upper)) / 2) if special is None else special


def _rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
