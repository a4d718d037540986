"""What aggregates are made of: a few figures of each part of a series.

All of them are such that the figures of two neighbouring parts give those of both together: counts and exact sums add
up, the least of the least is the least. Nothing is computed before it is asked for.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.bounded import Sums
from iotflow_server.query.cells import Cells
from iotflow_server.query.exact import ExactSums, Floats, Integers, Numbers, Starts, square_sums, sums
from iotflow_server.query.ordering import ranks, sorted_parts, values_of
from iotflow_server.query.series import SeriesPoints
from iotflow_server.stores.points import SeriesKey


class PartFigures(Protocol):
    """Figures of parts of series, one entry of each array and list for each part; described at :class:`Summary`."""

    @property
    def counts(self) -> NDArray[np.intp]: ...
    @property
    def first(self) -> Cells: ...
    @property
    def last(self) -> Cells: ...
    @property
    def is_integer(self) -> bool: ...
    @property
    def least(self) -> Numbers: ...
    @property
    def greatest(self) -> Numbers: ...
    @property
    def odd(self) -> Floats: ...
    @property
    def sums(self) -> Sums: ...
    @property
    def square_sums(self) -> Sums: ...
    def key_of(self, part: int) -> SeriesKey:
        """The series of a part."""


class Summary:
    """Figures of the parts of one series, which begin at ``starts``, in arrays and lists with one entry for each part.

    All but counts, first and last are for numbers only: int64 or float64 as the series is.
    """

    def __init__(self, series: SeriesPoints, starts: Starts) -> None:
        self.series = series
        self.starts = starts

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Number of points."""
        return np.diff(self.starts, append=len(self.series))

    @property
    def ends(self) -> Starts:
        """The place of the last point."""
        return self.starts + self.counts - 1

    def key_of(self, part: int) -> SeriesKey:
        """The series, which is that of all parts."""
        return SeriesKey(self.series.device_id, self.series.measurement)

    @cached_property
    def first(self) -> Cells:
        """The first value."""
        return self.series.at(self.starts)

    @cached_property
    def last(self) -> Cells:
        """The last value."""
        return self.series.at(self.ends)

    @cached_property
    def numbers(self) -> Numbers:
        """The values of the points."""
        numbers = self.series.numbers()
        assert numbers is not None
        return numbers

    @cached_property
    def is_integer(self) -> bool:
        """Whether the values are int64."""
        return bool(self.numbers.dtype == np.int64)

    @cached_property
    def least(self) -> Numbers:
        """The least value."""
        return values_of(np.minimum.reduceat(self._ranks, self.starts), self.numbers.dtype)

    @cached_property
    def greatest(self) -> Numbers:
        """The greatest value."""
        return values_of(np.maximum.reduceat(self._ranks, self.starts), self.numbers.dtype)

    @cached_property
    def odd(self) -> Floats:
        """What the values that are NaN or infinite add up to, 0.0 where there are none."""
        if self.is_integer:
            return np.zeros(len(self.starts))
        with np.errstate(invalid="ignore"):
            return np.add.reduceat(np.where(self._is_finite, 0.0, self.numbers), self.starts)

    @cached_property
    def sums(self) -> ExactSums:
        """The exact sum of the finite values."""
        return sums(self.finite, self.starts)

    @cached_property
    def square_sums(self) -> ExactSums:
        """The exact sum of the squares of the finite values."""
        return square_sums(self.finite, self.starts)

    @cached_property
    def finite(self) -> Numbers:
        """The values of the points, 0.0 for those that are NaN or infinite."""
        if self.is_integer or self._is_finite.all():
            return self.numbers
        return np.where(self._is_finite, self.numbers, 0.0)

    @cached_property
    def in_order(self) -> Numbers:
        """The values of the points, those of each part ascending."""
        return values_of(sorted_parts(self._ranks, self.starts), self.numbers.dtype)

    @cached_property
    def _ranks(self) -> Integers:
        return ranks(self.numbers)

    @cached_property
    def _is_finite(self) -> NDArray[np.bool_]:
        return np.isfinite(self.numbers)
