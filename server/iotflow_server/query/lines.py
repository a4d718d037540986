"""Points of straight lines between numbers, rounded once, many at a time."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.exact import Floats, Numbers, between
from iotflow_server.query.quotients import product_of, quotients, sum_of

#: Numbers beyond these magnitudes are computed one by one.
_LEAST: Final = 2.0**-300
_GREATEST: Final = 2.0**300
_WHOLE: Final = 2**53


def all_between(lower: Numbers, upper: Numbers, weight: Fraction) -> Floats:
    """The points of the lines from ``lower`` (weight 0) to ``upper`` (weight 1); see :func:`query.exact.between`."""
    one, other = lower.astype(np.float64), upper.astype(np.float64)
    if not weight:
        return one
    found, is_sure = _between(one, other, weight)
    # Integers that are one double lie around it, and so does what is between them.
    is_same = one == other
    found[is_same] = one[is_same]
    is_sure = is_same | (is_sure & _is_plain(lower, one) & _is_plain(upper, other))
    for place in np.flatnonzero(~is_sure).tolist():
        found[place] = between(lower[place].item(), upper[place].item(), weight)
    return found


def _between(one: Floats, other: Floats, weight: Fraction) -> tuple[Floats, NDArray[np.bool_]]:
    above, parts = weight.numerator, weight.denominator
    if parts >= _WHOLE:
        return np.zeros_like(one), np.zeros(len(one), np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        (low, low_rest), (high, high_rest) = product_of(one, float(parts - above)), product_of(other, float(above))
        total, rest = sum_of(low, high)
        total, rest = sum_of(total, rest + (low_rest + high_rest))
        found, is_sure = quotients(total, rest, np.full(len(one), float(parts)))
    # Where nearly all has cancelled out, what was cut off counts for more.
    return found, is_sure & (np.abs(total) > 0.25 * np.maximum(np.abs(low), np.abs(high)))


def _is_plain(values: Numbers, doubles: Floats) -> NDArray[np.bool_]:
    """Whether nothing is lost where these are computed with."""
    size = np.abs(doubles)
    if values.dtype == np.int64:
        return size < _WHOLE
    return (size > _LEAST) & (size < _GREATEST)
