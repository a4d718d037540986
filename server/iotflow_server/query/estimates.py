"""Aggregates that are doubles whatever the values: mean, deviation, percentiles, rate. None is: no value."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np

from iotflow_server.query.exact import between, square_root, sums
from iotflow_server.query.summary import PartFigures, Summary

_MICROSECONDS: Final = 1_000_000


def means(figures: PartFigures) -> list[float]:
    """The mean of each part."""
    found = figures.sums.over(figures.counts.tolist())
    return [odd or mean for odd, mean in zip(figures.odd.tolist(), found, strict=True)]


def deviations(figures: PartFigures) -> list[float | None]:
    """The standard deviation of the sample; None of a single point."""
    # The exponent of squares is to be twice that of sums, so that both make one.
    exponent = min(figures.sums.exponent, figures.square_sums.exponent // 2)
    sums, squares = figures.sums.at(exponent), figures.square_sums.at(2 * exponent)
    up, down = max(2 * exponent, 0), max(-2 * exponent, 0)
    parts = zip(figures.counts.tolist(), sums, squares, figures.odd.tolist(), strict=True)
    return [_deviation(*part, up, down) for part in parts]


def percentiles(summary: Summary, percentile: Fraction) -> list[float]:
    """A percentile of each part, 0 to 100."""
    ordered, counts = summary.in_order, summary.counts
    sizes, size_of = np.unique(counts, return_inverse=True)
    places = [divmod((size - 1) * percentile / 100, 1) for size in sizes.tolist()]
    lower = summary.starts + np.array([whole for whole, _ in places], dtype=np.intp)[size_of]
    upper = np.minimum(lower + 1, summary.ends)
    weights = [weight for _, weight in places]
    # NaN is last in order.
    is_spoilt = np.isnan(ordered[summary.ends]).tolist()
    parts = zip(ordered[lower].tolist(), ordered[upper].tolist(), size_of.tolist(), is_spoilt, strict=True)
    return [math.nan if spoilt else between(low, high, weights[size]) for low, high, size, spoilt in parts]


def rates(summary: Summary) -> list[float | None]:
    """The rise of a counter per second, from the first point of each part to its last; None of a single point."""
    values, times = summary.finite, summary.series.timestamps
    # All rises together are what the counter had reached at each fall and at last, less what it began with.
    reached = np.zeros_like(values)
    reached[:-1] = np.where(values[1:] < values[:-1], values[:-1], 0)
    reached[summary.ends] = values[summary.ends]
    rises = sums(reached, summary.starts) - sums(values[summary.starts], np.arange(len(summary.starts)))
    spans = times[summary.ends] - times[summary.starts]
    found = rises.over(np.maximum(spans, 1).tolist(), _MICROSECONDS)
    parts = zip(spans.tolist(), summary.odd.tolist(), found, strict=True)
    return [None if not span else math.nan if odd else rate for span, odd, rate in parts]


def _deviation(count: int, total: int, square: int, odd: float, up: int, down: int) -> float | None:
    if count == 1:
        return None
    if odd:
        return math.nan
    return square_root((count * square - total * total) << up, count * (count - 1) << down)
