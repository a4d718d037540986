"""Aggregates of one series, computed from its points: one code for every store, so all answer bit for bit alike.

The rules are those that AggregateTelemetry documents: each result is that of exact arithmetic, rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

from iotflow_server.query.errors import AggregateOverflowError
from iotflow_server.query.estimates import deviations, means, percentiles, rates
from iotflow_server.query.results import Aggregation, Cell, Percentile, Wanted
from iotflow_server.query.series import SeriesPoints
from iotflow_server.query.summary import Summary
from iotflow_server.query.windows import Windows
from iotflow_server.stores.batch import Kind


def aggregate(series: SeriesPoints, windows: Windows, wanted: Sequence[Wanted]) -> list[list[Cell]]:
    """The results of each window, in one list for each that is wanted.

    :raises AggregateOverflowError: a result that is an integer is beyond 64 bits.
    """
    summary = Summary(series, windows.starts)
    return [_results(summary, each) for each in wanted]


def _results(summary: Summary, wanted: Wanted) -> list[Cell]:
    if isinstance(wanted, Percentile):
        return _numeric(percentiles(summary, wanted.percentile))
    return _FUNCTIONS[wanted](summary)


def _count(summary: Summary) -> list[Cell]:
    return [(Kind.INTEGER, count) for count in summary.counts.tolist()]


def _min(summary: Summary) -> list[Cell]:
    return _alike(summary, summary.least.tolist(), Aggregation.MIN)


def _max(summary: Summary) -> list[Cell]:
    return _alike(summary, summary.greatest.tolist(), Aggregation.MAX)


def _range(summary: Summary) -> list[Cell]:
    pairs = zip(summary.greatest.tolist(), summary.least.tolist(), strict=True)
    return _alike(summary, [greatest - least for greatest, least in pairs], Aggregation.RANGE)


def _sum(summary: Summary) -> list[Cell]:
    if summary.is_integer:
        return _alike(summary, summary.sums.totals, Aggregation.SUM)
    ones = [1] * len(summary.starts)
    return _numeric(odd or total for odd, total in zip(summary.odd.tolist(), summary.sums.over(ones), strict=True))


def _alike(summary: Summary, values: Sequence[int | float], aggregation: Aggregation) -> list[Cell]:
    """Results of the kind that the series has."""
    if not summary.is_integer:
        return _numeric(values)
    if not all(-(2**63) <= value < 2**63 for value in values):
        raise AggregateOverflowError(summary.series.device_id, summary.series.measurement, aggregation.name)
    return [(Kind.INTEGER, value) for value in values]


def _numeric(values: Iterable[float | None]) -> list[Cell]:
    return [None if value is None else (Kind.NUMERIC, value) for value in values]


_MEDIAN: Final = Percentile(Fraction(50))
_FUNCTIONS: Final[Mapping[Aggregation, Callable[[Summary], list[Cell]]]] = {
    Aggregation.MEAN: lambda summary: _numeric(means(summary)),
    Aggregation.SUM: _sum,
    Aggregation.COUNT: _count,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.FIRST: lambda summary: summary.first,
    Aggregation.LAST: lambda summary: summary.last,
    Aggregation.MEDIAN: lambda summary: _results(summary, _MEDIAN),
    Aggregation.STDDEV: lambda summary: _numeric(deviations(summary)),
    Aggregation.RANGE: _range,
    Aggregation.RATE: lambda summary: _numeric(rates(summary)),
}
