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
from iotflow_server.query.summary import PartFigures, Summary
from iotflow_server.query.windows import Windows
from iotflow_server.stores.batch import Kind


def aggregate(series: SeriesPoints, windows: Windows, wanted: Sequence[Wanted]) -> list[list[Cell]]:
    """The results of each window, in one list for each that is wanted.

    :raises AggregateOverflowError: a result that is an integer is beyond 64 bits.
    """
    summary = Summary(series, windows.starts)
    return [_results(summary, each) for each in wanted]


def aggregate_figures(figures: PartFigures, wanted: Sequence[Wanted]) -> list[list[Cell]]:
    """The same for parts of which the figures alone are known; of MERGEABLE aggregations.

    :raises AggregateOverflowError: a result that is an integer is beyond 64 bits.
    """
    return [MERGEABLE[each](figures) for each in wanted]


def _results(summary: Summary, wanted: Wanted) -> list[Cell]:
    if isinstance(wanted, Percentile):
        return _numeric(percentiles(summary, wanted.percentile))
    return _OF_POINTS[wanted](summary) if wanted in _OF_POINTS else MERGEABLE[wanted](summary)


def _count(figures: PartFigures) -> list[Cell]:
    return [(Kind.INTEGER, count) for count in figures.counts.tolist()]


def _min(figures: PartFigures) -> list[Cell]:
    return _alike(figures, figures.least.tolist(), Aggregation.MIN)


def _max(figures: PartFigures) -> list[Cell]:
    return _alike(figures, figures.greatest.tolist(), Aggregation.MAX)


def _range(figures: PartFigures) -> list[Cell]:
    pairs = zip(figures.greatest.tolist(), figures.least.tolist(), strict=True)
    return _alike(figures, [greatest - least for greatest, least in pairs], Aggregation.RANGE)


def _sum(figures: PartFigures) -> list[Cell]:
    if figures.is_integer:
        return _alike(figures, figures.sums.at(0), Aggregation.SUM)
    ones = [1] * len(figures.counts)
    return _numeric(odd or total for odd, total in zip(figures.odd.tolist(), figures.sums.over(ones), strict=True))


def _alike(figures: PartFigures, values: Sequence[int | float], aggregation: Aggregation) -> list[Cell]:
    """Results of the kind that the series has."""
    if not figures.is_integer:
        return _numeric(values)
    for part, value in enumerate(values):
        if not -(2**63) <= value < 2**63:
            raise AggregateOverflowError(*figures.key_of(part), aggregation.name)
    return [(Kind.INTEGER, value) for value in values]


def _numeric(values: Iterable[float | None]) -> list[Cell]:
    return [None if value is None else (Kind.NUMERIC, value) for value in values]


_MEDIAN: Final = Percentile(Fraction(50))
#: Those that follow from figures which parts have together.
MERGEABLE: Final[Mapping[Wanted, Callable[[PartFigures], list[Cell]]]] = {
    Aggregation.MEAN: lambda figures: _numeric(means(figures)),
    Aggregation.SUM: _sum,
    Aggregation.COUNT: _count,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.FIRST: lambda figures: figures.first,
    Aggregation.LAST: lambda figures: figures.last,
    Aggregation.STDDEV: lambda figures: _numeric(deviations(figures)),
    Aggregation.RANGE: _range,
}
_OF_POINTS: Final[Mapping[Aggregation, Callable[[Summary], list[Cell]]]] = {
    Aggregation.MEDIAN: lambda summary: _results(summary, _MEDIAN),
    Aggregation.RATE: lambda summary: _numeric(rates(summary)),
}
