"""Aggregates of one series, computed from its points: one code for every store, so all answer bit for bit alike.

- COUNT, FIRST and LAST are for every kind, also for series of several; all others for NUMERIC and INTEGER.
- MIN and MAX keep the series' kind. NaN is greater than every number: MAX is NaN if any value is, MIN only if all
  are. -0.0 is less than 0.0.
- SUM of INTEGER is an INTEGER, and an error beyond 64 bits. SUM of NUMERIC, MEAN and MEDIAN are NUMERIC and follow
  the rules of ``exact.py``: they do not depend on how or in which order a store hands out the points.
- MEDIAN of an even count is the mean of the middle two. Any NaN makes it NaN; it orders -0.0 before 0.0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.errors import AggregateOverflowError, AggregateTypeError
from iotflow_server.query.exact import (
    Integers,
    Starts,
    float_means,
    float_midpoint,
    float_sums,
    integer_means,
    integer_midpoint,
    integer_sums,
)
from iotflow_server.query.results import Aggregation, Scalar
from iotflow_server.query.series import SeriesPoints
from iotflow_server.query.windows import Windows
from iotflow_server.stores.batch import Kind, Values

Cell = tuple[Kind, Scalar]
_MAGNITUDE: Final = np.int64(2**63 - 1)


def aggregate(
    series: SeriesPoints, windows: Windows, aggregations: Sequence[Aggregation]
) -> Iterator[tuple[Cell, ...]]:
    """Yield the results of each window, in the order of ``aggregations``.

    :raises AggregateTypeError: an aggregation needs numbers and the series holds something else.
    :raises AggregateOverflowError: a sum of integers is beyond 64 bits.
    """
    return zip(*(_FUNCTIONS[aggregation](series, windows.starts) for aggregation in aggregations), strict=True)


def refuse_unless_numbers(
    device_id: int, measurement: str, kind: Kind | None, aggregations: Sequence[Aggregation]
) -> None:
    """Raise AggregateTypeError where an aggregation needs numbers and the kind is no number."""
    if kind is not None and kind.is_number:
        return
    for aggregation in aggregations:
        if aggregation.needs_numbers:
            raise AggregateTypeError(device_id, measurement, kind, aggregation.name)


def _count(series: SeriesPoints, starts: Starts) -> list[Cell]:
    return [(Kind.INTEGER, count) for count in np.diff(starts, append=len(series)).tolist()]


def _first(series: SeriesPoints, starts: Starts) -> list[Cell]:
    return series.at(starts)


def _last(series: SeriesPoints, starts: Starts) -> list[Cell]:
    return series.at(np.append(starts[1:], len(series)) - 1)


def _min(series: SeriesPoints, starts: Starts) -> list[Cell]:
    return _extremes(series, np.minimum.reduceat(_ranks(series, Aggregation.MIN), starts))


def _max(series: SeriesPoints, starts: Starts) -> list[Cell]:
    return _extremes(series, np.maximum.reduceat(_ranks(series, Aggregation.MAX), starts))


def _extremes(series: SeriesPoints, ranks: Integers) -> list[Cell]:
    kind = Kind.INTEGER if series.kind is Kind.INTEGER else Kind.NUMERIC
    return [(kind, value) for value in _values_of(ranks, kind).tolist()]


def _sum(series: SeriesPoints, starts: Starts) -> list[Cell]:
    _need_numbers(series, Aggregation.SUM)
    if series.kind is Kind.NUMERIC:
        return _numeric(float_sums(series.values, starts))
    sums = integer_sums(series.values, starts)
    if not all(-(2**63) <= total < 2**63 for total in sums):
        raise AggregateOverflowError(series.device_id, series.measurement)
    return [(Kind.INTEGER, total) for total in sums]


def _mean(series: SeriesPoints, starts: Starts) -> list[Cell]:
    _need_numbers(series, Aggregation.MEAN)
    means = float_means if series.kind is Kind.NUMERIC else integer_means
    return _numeric(means(series.values, starts))


def _median(series: SeriesPoints, starts: Starts) -> list[Cell]:
    ranks = _ranks(series, Aggregation.MEDIAN)
    counts = np.diff(starts, append=len(series))
    ordered = ranks[np.lexsort((ranks, np.repeat(np.arange(len(starts)), counts)))]
    lower, upper = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
    if series.kind is Kind.INTEGER:
        return _numeric([*map(integer_midpoint, lower.tolist(), upper.tolist())])
    greatest = _values_of(ordered[starts + counts - 1], Kind.NUMERIC)
    middles = map(_middle, *(_values_of(part, Kind.NUMERIC).tolist() for part in (lower, upper)))
    return _numeric(
        [math.nan if spoilt else middle for spoilt, middle in zip(np.isnan(greatest), middles, strict=True)]
    )


def _middle(lower: float, upper: float) -> float:
    # Of equal values the lower is the answer; adding would lose the sign of -0.0 or overflow.
    return lower if lower == upper else float_midpoint(lower, upper)


def _numeric(values: Sequence[float]) -> list[Cell]:
    return [(Kind.NUMERIC, value) for value in values]


def _need_numbers(series: SeriesPoints, aggregation: Aggregation) -> None:
    refuse_unless_numbers(series.device_id, series.measurement, series.kind, [aggregation])


def _ranks(series: SeriesPoints, aggregation: Aggregation) -> Integers:
    """Integers ordered as the values are: NaN above all, -0.0 below 0.0."""
    _need_numbers(series, aggregation)
    if series.kind is Kind.INTEGER:
        return series.values
    bits: Integers = np.where(np.isnan(series.values), math.nan, series.values).view(np.int64)
    return _turned(bits)


def _values_of(ranks: Integers, kind: Kind) -> Values:
    return ranks if kind is Kind.INTEGER else _turned(ranks).view(np.float64)


def _turned(bits: Integers) -> Integers:
    """Turn the order of negative floats round, whose bits ascend while they descend; the same again turns back."""
    turned: NDArray[np.int64] = np.where(bits < 0, bits ^ _MAGNITUDE, bits)
    return turned


_FUNCTIONS: Final[Mapping[Aggregation, Callable[[SeriesPoints, Starts], list[Cell]]]] = {
    Aggregation.MEAN: _mean,
    Aggregation.SUM: _sum,
    Aggregation.COUNT: _count,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.FIRST: _first,
    Aggregation.LAST: _last,
    Aggregation.MEDIAN: _median,
}
