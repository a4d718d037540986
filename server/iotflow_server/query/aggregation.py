"""Aggregates of one series, computed from its points: one code for every store, so all answer bit for bit alike.

The rules are those that AggregateTelemetry documents: each result is that of exact arithmetic, rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from iotflow_server.query.cells import Cells
from iotflow_server.query.errors import AggregateOverflowError
from iotflow_server.query.estimates import deviations, means, odd_or, percentiles, rates
from iotflow_server.query.exact import Numbers
from iotflow_server.query.results import Aggregation, Percentile, Wanted
from iotflow_server.query.series import SeriesPoints
from iotflow_server.query.summary import PartFigures, Summary
from iotflow_server.query.windows import Windows
from iotflow_server.stores.batch import Kind


def aggregate(series: SeriesPoints, windows: Windows, wanted: Sequence[Wanted]) -> list[Cells]:
    """The results of each window, in one column for each that is wanted.

    :raises AggregateOverflowError: a result that is an integer is beyond 64 bits.
    """
    summary = Summary(series, windows.starts)
    return [_results(summary, each) for each in wanted]


def aggregate_figures(figures: PartFigures, wanted: Sequence[Wanted]) -> list[Cells]:
    """The same for parts of which the figures alone are known; of MERGEABLE aggregations.

    :raises AggregateOverflowError: a result that is an integer is beyond 64 bits.
    """
    return [MERGEABLE[each](figures) for each in wanted]


def _results(summary: Summary, wanted: Wanted) -> Cells:
    if isinstance(wanted, Percentile):
        return _numbers(percentiles(summary, wanted.percentile))
    return _OF_POINTS[wanted](summary) if wanted in _OF_POINTS else MERGEABLE[wanted](summary)


def _sum(figures: PartFigures) -> Cells:
    if not figures.is_integer:
        totals = figures.sums.over(np.ones(len(figures.counts), np.int64))
        return _numbers(odd_or(figures.odd, totals))
    found = figures.sums.exactly().at(0)
    _refuse_overflow(figures, [part for part, total in enumerate(found) if not -(2**63) <= total < 2**63], "SUM")
    return _numbers(np.array(found, np.int64))


def _range(figures: PartFigures) -> Cells:
    with np.errstate(over="ignore", invalid="ignore"):
        found = figures.greatest - figures.least
    if figures.is_integer:
        # What is beyond 64 bits has come round to the negative ones.
        _refuse_overflow(figures, np.flatnonzero(found < 0).tolist(), "RANGE")
    return _numbers(found)


def _refuse_overflow(figures: PartFigures, parts: Sequence[int], aggregation: str) -> None:
    if parts:
        raise AggregateOverflowError(*figures.key_of(parts[0]), aggregation)


def _numbers(values: Numbers) -> Cells:
    return Cells.of_kind(Kind.INTEGER if values.dtype == np.int64 else Kind.NUMERIC, values)


_MEDIAN: Final = Percentile(Fraction(50))
#: Those that follow from figures which parts have together.
MERGEABLE: Final[Mapping[Wanted, Callable[[PartFigures], Cells]]] = {
    Aggregation.MEAN: lambda figures: _numbers(means(figures)),
    Aggregation.SUM: _sum,
    Aggregation.COUNT: lambda figures: _numbers(figures.counts.astype(np.int64)),
    Aggregation.MIN: lambda figures: _numbers(figures.least),
    Aggregation.MAX: lambda figures: _numbers(figures.greatest),
    Aggregation.FIRST: lambda figures: figures.first,
    Aggregation.LAST: lambda figures: figures.last,
    Aggregation.STDDEV: deviations,
    Aggregation.RANGE: _range,
}
_OF_POINTS: Final[Mapping[Aggregation, Callable[[Summary], Cells]]] = {
    Aggregation.MEDIAN: lambda summary: _results(summary, _MEDIAN),
    Aggregation.RATE: rates,
}
