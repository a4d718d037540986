"""Quotients of numbers with twice the digits of a double, rounded once, many at a time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.exact import Floats

#: Parts a double into two of 26 bits, whose products are exact (Dekker, Veltkamp).
_SPLITTER: Final = 2.0**27 + 1
#: What is computed here is off by less than this share of the quotient: about 2**-102.
_DOUBT: Final = 2.0**-97


def quotients(high: Floats, low: Floats, divisors: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """``(high + low) / divisors`` rounded to the nearest double, and whether that is certain.

    ``high + low`` is the numerator but for 2**-104 of it, ``low`` no more than half of the last digit of ``high``, and
    all are between 2**-400 and 2**400, or 0. It is not certain where the quotient lies so near the middle between two
    doubles that what is cut off on the way could decide (Ziv's test).
    """
    first = high / divisors
    product, rest = product_of(first, divisors)
    second = (((high - product) - rest) + low) / divisors
    doubt = np.abs(first) * _DOUBT
    below, above = first + (second - doubt), first + (second + doubt)
    return below, below == above


def sum_of(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """A sum as the nearest double, and exactly what is missing (Knuth)."""
    total = one + other
    back = total - one
    return total, (one - (total - back)) + (other - back)


def product_of(one: Floats, other: Floats | float) -> tuple[Floats, Floats]:
    """A product as the nearest double, and exactly what is missing."""
    product = one * other
    (high, low), (other_high, other_low) = _halves(one), _halves(np.asarray(other))
    rest = ((high * other_high - product) + high * other_low + low * other_high) + low * other_low
    return product, rest


def _halves(values: Floats) -> tuple[Floats, Floats]:
    scaled = values * _SPLITTER
    high = scaled - (scaled - values)
    return high, values - high
