"""Exactly rounded sums, means and medians: they depend on the values alone, not on their order or chunking.

Of floats: a NaN makes each of them NaN, so do infinities of both signs; a sum of zero is +0.0. A sum beyond double
is infinite. A mean is the rounded sum divided by the count, taken from the exact sum where that is beyond double.
Of integers: sums are exact Python integers; means and medians are rounded once, to the nearest double.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Starts = NDArray[np.intp]

_MANTISSA_BITS: Final = 53
_HALF_BITS: Final = 32
_CHUNK: Final = 65_536


def integer_sums(values: Integers, starts: Starts) -> list[int]:
    """The exact sum of each part; parts begin at ``starts``. At most 2^31 values."""
    # Halves cannot overflow: 2^31 values of 32 bits each.
    high = np.add.reduceat(values >> _HALF_BITS, starts).tolist()
    low = np.add.reduceat(values & ((1 << _HALF_BITS) - 1), starts).tolist()
    return [(top << _HALF_BITS) + bottom for top, bottom in zip(high, low, strict=True)]


def integer_means(values: Integers, starts: Starts) -> list[float]:
    """The mean of each part."""
    counts = np.diff(starts, append=len(values)).tolist()
    return [total / count for total, count in zip(integer_sums(values, starts), counts, strict=True)]


def float_sums(values: Floats, starts: Starts) -> list[float]:
    """The exactly rounded sum of each part."""
    return [_sum(part) if special is None else special for part, special in _parts(values, starts)]


def float_means(values: Floats, starts: Starts) -> list[float]:
    """The mean of each part."""
    return [_mean(part) if special is None else special for part, special in _parts(values, starts)]


def integer_midpoint(one: int, other: int) -> float:
    """The mean of two integers."""
    return (one + other) / 2


def float_midpoint(one: float, other: float) -> float:
    """The mean of two floats."""
    total = one + other
    if math.isinf(total) and math.isfinite(one) and math.isfinite(other):
        return one / 2 + other / 2
    return math.nan if math.isnan(total) else total / 2


def _parts(values: Floats, starts: Starts) -> Iterator[tuple[Floats, float | None]]:
    """Each part, with its sum where that is NaN or infinite because a value is."""
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        specials: Sequence[float] = np.add.reduceat(np.where(finite, 0.0, values), starts).tolist()
    for part, special in zip(np.split(values, starts[1:]), specials, strict=True):
        if math.isnan(special):
            yield part, math.nan
        else:
            yield part, special or None


def _sum(values: Floats) -> float:
    try:
        return _rounded_sum(values)
    except OverflowError:
        return _to_float(_exact_sum(values))


def _mean(values: Floats) -> float:
    total = _sum(values)
    return total / len(values) if math.isfinite(total) else _to_float(_exact_sum(values) / len(values))


def _rounded_sum(values: Floats) -> float:
    # In chunks, so that other threads have their turn and no second copy of all values is held.
    chunks = (values[start : start + _CHUNK].tolist() for start in range(0, len(values), _CHUNK))
    # Adding 0.0 turns -0.0 round.
    return math.fsum(chain.from_iterable(chunks)) + 0.0


def _exact_sum(values: Floats) -> Fraction:
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, _MANTISSA_BITS).astype(np.int64)
    order = np.argsort(exponents, kind="stable")
    distinct, starts = np.unique(exponents[order], return_index=True)
    sums = integer_sums(mantissas[order], starts)
    least = int(distinct[0])
    total = sum(part << (exponent - least) for exponent, part in zip(distinct.tolist(), sums, strict=True))
    return Fraction(total) * Fraction(2) ** (least - _MANTISSA_BITS)


def _to_float(exact: Fraction) -> float:
    try:
        return exact.numerator / exact.denominator + 0.0
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
