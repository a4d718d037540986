"""Aggregates that are doubles whatever the values: mean, deviation, percentiles, rate."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np

from iotflow_server.query.cells import Cells
from iotflow_server.query.exact import Floats, square_root, sums
from iotflow_server.query.lines import all_between
from iotflow_server.query.summary import PartFigures, Summary
from iotflow_server.stores.batch import Kind

_MICROSECONDS: Final = 1_000_000


def means(figures: PartFigures) -> Floats:
    """The mean of each part."""
    return odd_or(figures.odd, figures.sums.over(figures.counts))


def odd_or(odd: Floats, found: Floats) -> Floats:
    """What was found of each part, but where some of its values are NaN or infinite what these add up to."""
    return np.where(odd != 0, odd, found) if np.count_nonzero(odd) else found


def deviations(figures: PartFigures) -> Cells:
    """The standard deviation of the sample; none of a single point."""
    # The exponent of squares is to be twice that of sums, so that both make one.
    all_sums, all_squares = figures.sums.exactly(), figures.square_sums.exactly()
    exponent = min(all_sums.exponent, all_squares.exponent // 2)
    sums, squares = all_sums.at(exponent), all_squares.at(2 * exponent)
    up, down = max(2 * exponent, 0), max(-2 * exponent, 0)
    parts = zip(figures.counts.tolist(), sums, squares, figures.odd.tolist(), strict=True)
    found = np.array([_deviation(*part, up, down) for part in parts])
    return Cells.of_kind(Kind.NUMERIC, found, figures.counts > 1)


def percentiles(summary: Summary, percentile: Fraction) -> Floats:
    """A percentile of each part, 0 to 100."""
    ordered, counts = summary.in_order, summary.counts
    sizes, size_of = np.unique(counts, return_inverse=True)
    places = [divmod((size - 1) * percentile / 100, 1) for size in sizes.tolist()]
    lower = summary.starts + np.array([whole for whole, _ in places], dtype=np.intp)[size_of]
    upper = np.minimum(lower + 1, summary.ends)
    found = np.empty(len(counts))
    for place, (_, weight) in enumerate(places):
        own = size_of == place
        found[own] = all_between(ordered[lower[own]], ordered[upper[own]], weight)
    # NaN is last in order.
    return np.where(np.isnan(ordered[summary.ends]), math.nan, found)


def rates(summary: Summary) -> Cells:
    """The rise of a counter per second, from the first point of each part to its last; none of a single point."""
    values, times = summary.finite, summary.series.timestamps
    # All rises together are what the counter had reached at each fall and at last, less what it began with.
    reached = np.zeros_like(values)
    reached[:-1] = np.where(values[1:] < values[:-1], values[:-1], 0)
    reached[summary.ends] = values[summary.ends]
    rises = sums(reached, summary.starts) - sums(values[summary.starts], np.arange(len(summary.starts)))
    spans = times[summary.ends] - times[summary.starts]
    found = rises.over(np.maximum(spans, 1), _MICROSECONDS)
    return Cells.of_kind(Kind.NUMERIC, np.where(summary.odd != 0, math.nan, found), spans > 0)


def _deviation(count: int, total: int, square: int, odd: float, up: int, down: int) -> float:
    if odd or count == 1:
        return math.nan
    return square_root((count * square - total * total) << up, count * (count - 1) << down)
