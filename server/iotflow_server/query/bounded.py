"""Exact sums of a bounded size, held in arrays: what nearly every sum is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.exact import ExactSums, Floats, Integers, Starts
from iotflow_server.query.quotients import quotients, sum_of
from iotflow_server.stores.batch import Rows

_WORD: Final = 64
_WORD_MASK: Final = (1 << _WORD) - 1
_HALF: Final = np.uint64(32)
_LOW_HALF: Final = np.uint64(0xFFFF_FFFF)
#: Magnitudes stay below two to this power.
_MOST_BITS: Final = 126
#: Below it doubles lose digits.
_LEAST_NORMAL: Final = 2.0**-1021
#: Whole numbers below it are doubles.
_MOST_HIGH: Final = 1 << 53


@dataclass(frozen=True, slots=True, eq=False)
class BoundedSums:
    """The sum of each part is ``(high[i] * 2**64 + low[i]) * 2**exponents[i]``."""

    high: Integers
    low: NDArray[np.uint64]
    exponents: Integers

    def __len__(self) -> int:
        return len(self.high)

    def exactly(self) -> ExactSums:
        """The same with one exponent for all, in Python's integers."""
        exponent = int(self.exponents.min(initial=0))
        words = zip(self.high.tolist(), self.low.tolist(), self.exponents.tolist(), strict=True)
        return ExactSums([(high << _WORD | low) << own - exponent for high, low, own in words], exponent)

    def chosen(self, places: Rows) -> BoundedSums:
        """Those of some parts."""
        return BoundedSums(self.high[places], self.low[places], self.exponents[places])

    def over(self, divisors: NDArray[Any]) -> Floats:
        """Each sum divided by a positive integer of its own, below 2**53, rounded once."""
        found, is_sure = quotients(*_as_doubles(self.high, self.low), divisors.astype(np.float64))
        with np.errstate(over="ignore", under="ignore"):
            # Of 32 bits: it takes a third of the time.
            scaled = np.ldexp(found, self.exponents.astype(np.int32))
        size = np.abs(scaled)
        is_sure &= ((size >= _LEAST_NORMAL) & (size < np.inf)) | (found == 0)
        is_sure &= np.abs(self.high) < _MOST_HIGH
        doubtful = np.flatnonzero(~is_sure)
        if len(doubtful):
            scaled[doubtful] = self.chosen(doubtful).exactly().over(divisors[doubtful])
        return scaled

    def merged(self, starts: Starts) -> BoundedSums | ExactSums:
        """The sums of neighbouring parts, given the first of each."""
        counts = np.diff(starts, append=len(self))
        exponents = np.minimum.reduceat(self.exponents, starts)
        shifts = self.exponents - np.repeat(exponents, counts)
        room = _MOST_BITS - int(counts.max()).bit_length()
        if int((_bits(self.high, self.low) + shifts).max()) > room:
            return self.exactly().merged(starts)
        return BoundedSums(*_added(*_shifted(self.high, self.low, shifts), starts), exponents)


Sums = BoundedSums | ExactSums


def bounded(sums: Sums) -> Sums:
    """The same in arrays, where that is possible."""
    if isinstance(sums, BoundedSums) or max(map(int.bit_length, sums.totals), default=0) > _MOST_BITS:
        return sums
    high = np.array([total >> _WORD for total in sums.totals], np.int64)
    low = np.array([total & _WORD_MASK for total in sums.totals], np.uint64)
    return BoundedSums(high, low, np.full(len(high), sums.exponent, np.int64))


def joined(parts: Sequence[Sums]) -> Sums:
    """Sums of some parts, then of others."""
    found = [each for each in map(bounded, parts) if isinstance(each, BoundedSums)]
    if len(found) < len(parts):
        return _joined_exactly([part.exactly() for part in parts])
    return BoundedSums(
        np.concatenate([part.high for part in found]),
        np.concatenate([part.low for part in found]),
        np.concatenate([part.exponents for part in found]),
    )


def _joined_exactly(parts: Sequence[ExactSums]) -> ExactSums:
    exponent = min(part.exponent for part in parts)
    return ExactSums([total for part in parts for total in part.at(exponent)], exponent)


def _as_doubles(high: Integers, low: NDArray[np.uint64]) -> tuple[Floats, Floats]:
    """Numbers as sums of two doubles but for 2**-106 of each, the second one no more than half of the last digit of the
    first. ``high`` is to be less than :data:`_MOST_HIGH` either way."""
    total, rest = sum_of(high.astype(np.float64) * 2.0**_WORD, (low >> _HALF).astype(np.float64) * 2.0**32)
    return sum_of(total, rest + (low & _LOW_HALF).astype(np.float64))


def _bits(high: Integers, low: NDArray[np.uint64]) -> NDArray[np.int64]:
    """No fewer bits than each magnitude has."""
    _, exponents = np.frexp(high.astype(np.float64) * 2.0**_WORD + low.astype(np.float64))
    return exponents.astype(np.int64) + 1


def _shifted(high: Integers, low: NDArray[np.uint64], shifts: Integers) -> tuple[Integers, NDArray[np.uint64]]:
    """Numbers of which nothing is lost at the top, times two to the power of ``shifts``; 0 stays 0."""
    is_far = shifts >= _WORD
    near = np.where(is_far, 0, shifts).astype(np.uint64)
    far = np.where(is_far, np.minimum(shifts, 2 * _WORD - 1) - _WORD, 0).astype(np.uint64)
    carried = (low >> np.uint64(1)) >> (np.uint64(_WORD - 1) - near)
    upper = np.where(is_far, low << far, (high.view(np.uint64) << near) | carried)
    return upper.view(np.int64), np.where(is_far, np.uint64(0), low << near)


def _added(high: Integers, low: NDArray[np.uint64], starts: Starts) -> tuple[Integers, NDArray[np.uint64]]:
    ends = np.add.reduceat(low & _LOW_HALF, starts)
    middle = np.add.reduceat(low >> _HALF, starts) + (ends >> _HALF)
    tops = np.add.reduceat(high, starts) + (middle >> _HALF).view(np.int64)
    return tops, (middle << _HALF) | (ends & _LOW_HALF)
