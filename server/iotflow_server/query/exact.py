"""Exact sums: they depend on the values alone, not on their order or chunking.

The sum of a part is held as an integer multiple of a power of two, so sums of parts can be added without loss; what is
computed from them is rounded once, to the nearest double. Beyond double it is infinite, and zero is +0.0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: float64 or int64.
Numbers = NDArray[Any]
Starts = NDArray[np.intp]

_MANTISSA_BITS: Final = 53
_MOST_EXPONENT: Final = 1024
#: Mantissas moved by less than this many bits still leave room in 64.
_STEP_BITS: Final = 8
_HALF_BITS: Final = 32
_LOW_HALF: Final = (1 << _HALF_BITS) - 1
_CHUNK: Final = 1 << 17


@dataclass(frozen=True, slots=True)
class ExactSums:
    """The sum of each part is ``totals[i] * 2**exponent``."""

    totals: Sequence[int]
    exponent: int

    def exactly(self) -> ExactSums:
        """These."""
        return self

    def chosen(self, places: Starts) -> ExactSums:
        """Those of some parts."""
        return ExactSums([self.totals[place] for place in places.tolist()], self.exponent)

    def merged(self, starts: Starts) -> ExactSums:
        """The sums of neighbouring parts, given the first of each."""
        bounds = zip(starts.tolist(), [*starts[1:].tolist(), len(self.totals)], strict=True)
        return ExactSums([sum(self.totals[first:end]) for first, end in bounds], self.exponent)

    def __sub__(self, other: ExactSums) -> ExactSums:
        exponent = min(self.exponent, other.exponent)
        pairs = zip(self.at(exponent), other.at(exponent), strict=True)
        return ExactSums([one - another for one, another in pairs], exponent)

    def over(self, divisors: NDArray[Any], factor: int = 1) -> Floats:
        """Each sum divided by a positive integer of its own and multiplied by one, rounded once."""
        factor, down = factor << max(self.exponent, 0), max(-self.exponent, 0)
        pairs = zip(self.totals, divisors.tolist(), strict=True)
        return np.array([rounded(total * factor, divisor << down) for total, divisor in pairs], np.float64)

    def at(self, exponent: int) -> Sequence[int]:
        """The totals for another exponent, which is not greater."""
        shift = self.exponent - exponent
        return [total << shift for total in self.totals] if shift else self.totals


def rounded(numerator: int, denominator: int) -> float:
    """A fraction as the nearest double."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def square_root(numerator: int, denominator: int) -> float:
    """The square root of a fraction that is not negative, rounded once."""
    bits = max(0, 2 * _MANTISSA_BITS + 16 + denominator.bit_length() - numerator.bit_length()) // 2
    scaled = numerator << 2 * bits
    root = math.isqrt(scaled // denominator)
    # One bit more, which says whether anything was cut off, decides how to round.
    is_inexact = root * root * denominator != scaled
    return rounded(root << 1 | is_inexact, 1 << bits + 1)


def between(lower: float, upper: float, weight: Fraction) -> float:
    """The point of the straight line from ``lower`` (weight 0) to ``upper`` (weight 1), rounded once."""
    if not weight or lower == upper:
        return float(lower)
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return lower + upper
    (one, one_scale), (other, other_scale) = lower.as_integer_ratio(), upper.as_integer_ratio()
    above, parts = weight.numerator, weight.denominator
    total = one * other_scale * (parts - above) + other * one_scale * above
    return rounded(total, one_scale * other_scale * parts)


def integer_sums(values: NDArray[Any], starts: Starts) -> list[int]:
    """The sum of each part of 64-bit integers; parts begin at ``starts``. At most 2^31 values."""
    # Halves cannot overflow: 2^31 values of 32 bits each.
    high = np.add.reduceat(values >> _HALF_BITS, starts).tolist()
    low = np.add.reduceat(values & _LOW_HALF, starts).tolist()
    return [(top << _HALF_BITS) + bottom for top, bottom in zip(high, low, strict=True)]


def sums(values: Numbers, starts: Starts) -> ExactSums:
    """The sum of each part of finite values."""
    return _by_chunks(_sums, values, starts)


def square_sums(values: Numbers, starts: Starts) -> ExactSums:
    """The sum of the squares of each part of finite values."""
    return _by_chunks(_square_sums, values, starts)


def _by_chunks(function: Callable[[Numbers, Starts], ExactSums], values: Numbers, starts: Starts) -> ExactSums:
    """Sum up chunk by chunk, so that what is needed on the way takes little memory; a part may be in several."""
    found = []
    for first in range(0, len(values), _CHUNK):
        inside = starts[np.searchsorted(starts, first) : np.searchsorted(starts, first + _CHUNK)]
        begins = inside if len(inside) and inside[0] == first else np.append(first, inside)
        owners = np.searchsorted(starts, begins, side="right") - 1
        found.append((owners.tolist(), function(values[first : first + _CHUNK], begins - first)))
    exponent = min(part.exponent for _, part in found)
    totals = [0] * len(starts)
    for owners_of, part in found:
        for owner, total in zip(owners_of, part.at(exponent), strict=True):
            totals[owner] += total
    return ExactSums(totals, exponent)


def _sums(values: Numbers, starts: Starts) -> ExactSums:
    cells = _Cells.of(values, starts)
    return ExactSums(cells.totals(cells.values, _STEP_BITS), cells.exponent)


def _square_sums(values: Numbers, starts: Starts) -> ExactSums:
    cells = _Cells.of(values, starts)
    high, low = cells.values >> _HALF_BITS, cells.values & _LOW_HALF
    squares, products, rests = (
        cells.totals(part, 2 * _STEP_BITS) for part in (high * high, high * low, low.view(np.uint64) ** 2)
    )
    totals = [
        (square << 2 * _HALF_BITS) + (product << _HALF_BITS + 1) + rest
        for square, product, rest in zip(squares, products, rests, strict=True)
    ]
    return ExactSums(totals, 2 * cells.exponent)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Numbers as integers, ordered by cell: those of a part whose exponents are alike up to a few bits.

    A number is ``values[i] * 2**(exponent + _STEP_BITS * level)``; each cell has a part and a level.
    """

    values: Integers
    starts: Starts
    parts: NDArray[np.intp]
    levels: Integers
    part_count: int
    exponent: int

    @classmethod
    def of(cls, values: Numbers, starts: Starts) -> _Cells:
        mantissas, exponents, exponent = _scaled(values)
        levels = exponents // _STEP_BITS
        parts = np.arange(len(starts))
        if not levels.any():
            return cls(mantissas << exponents, starts, parts, np.zeros_like(parts), len(starts), exponent)
        part_of = np.repeat(parts, np.diff(starts, append=len(values)))
        keys = part_of * (int(levels.max()) + 1) + levels
        order = np.argsort(keys, kind="stable")
        firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        leaders = order[firsts]
        moved = (mantissas << exponents % _STEP_BITS)[order]
        return cls(moved, firsts, part_of[leaders], levels[leaders], len(starts), exponent)

    def totals(self, values: NDArray[Any], step_bits: int) -> list[int]:
        """The sum of each part of what was computed of ``values``, levels being ``step_bits`` apart."""
        totals = [0] * self.part_count
        found = zip(self.parts.tolist(), self.levels.tolist(), integer_sums(values, self.starts), strict=True)
        for part, level, total in found:
            totals[part] += total << step_bits * level
        return totals


def _scaled(values: Numbers) -> tuple[Integers, Integers, int]:
    """Mantissas and exponents, none of these negative, and the exponent that is to be added to them all."""
    if values.dtype == np.int64:
        return values, np.zeros_like(values), 0
    fractions, exponents = np.frexp(values)
    # Zero has no exponent of its own.
    least = int(np.min(exponents, where=values != 0, initial=_MOST_EXPONENT))
    mantissas = np.ldexp(fractions, _MANTISSA_BITS).astype(np.int64)
    return mantissas, np.maximum(exponents.astype(np.int64) - least, 0), least - _MANTISSA_BITS
