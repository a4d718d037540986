"""Numbers in a total order: NaN above all, -0.0 below 0.0."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.exact import Integers, Numbers, Starts

_MAGNITUDE: Final = np.int64(2**63 - 1)


def ranks(values: Numbers) -> Integers:
    """Integers ordered as the values are."""
    if values.dtype == np.int64:
        return values.view(np.int64)
    return _turned(np.where(np.isnan(values), math.nan, values).view(np.int64))


def values_of(found: Integers, dtype: np.dtype[np.float64] | np.dtype[np.int64]) -> Numbers:
    """The values of ranks."""
    return found if dtype == np.int64 else _turned(found).view(np.float64)


def sorted_parts(found: Integers, starts: Starts) -> Integers:
    """Ranks with each part in order; parts begin at ``starts``."""
    ordered, counts = found.copy(), np.diff(starts, append=len(found))
    for size in np.unique(counts).tolist():
        # Parts of one size are the rows of a table.
        places = starts[counts == size, None] + np.arange(size)
        ordered[places] = np.sort(found[places], axis=1)
    return ordered


def _turned(bits: Integers) -> Integers:
    """Turn the order of negative floats round, whose bits ascend while they descend; the same again turns back."""
    turned: NDArray[np.int64] = np.where(bits < 0, bits ^ _MAGNITUDE, bits)
    return turned
