"""Figures of parts of many series, of which those of neighbouring parts make those of both together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.bounded import Sums, joined
from iotflow_server.query.cells import Cells
from iotflow_server.query.exact import Floats, Numbers, Starts
from iotflow_server.query.ordering import ranks, values_of
from iotflow_server.query.results import Aggregation, Wanted
from iotflow_server.query.summary import Summary
from iotflow_server.stores.batch import Kind, Rows, Timestamps
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.rollups import Figure

#: What each aggregation needs beside counts; those that are not here need points.
_NEEDED: Final[Mapping[Wanted, frozenset[Figure]]] = {
    Aggregation.COUNT: frozenset(),
    Aggregation.MEAN: frozenset({Figure.SUMS, Figure.ODDS}),
    Aggregation.SUM: frozenset({Figure.SUMS, Figure.ODDS}),
    Aggregation.MIN: frozenset({Figure.LEASTS}),
    Aggregation.MAX: frozenset({Figure.GREATESTS}),
    Aggregation.RANGE: frozenset({Figure.LEASTS, Figure.GREATESTS}),
    Aggregation.FIRST: frozenset({Figure.FIRSTS}),
    Aggregation.LAST: frozenset({Figure.LASTS}),
    Aggregation.STDDEV: frozenset({Figure.SUMS, Figure.SQUARES, Figure.ODDS}),
}
#: Figures that are exact sums; all others are int64 or float64 as the series is, but ODDS, which is float64.
EXACT: Final = frozenset({Figure.SUMS, Figure.SQUARES})


def needed(wanted: Iterable[Wanted]) -> frozenset[Figure] | None:
    """The figures that aggregations need; None where one needs points."""
    found = [_NEEDED.get(each) for each in wanted]
    if None in found:
        return None
    return frozenset({Figure.COUNTS}).union(*(each for each in found if each is not None))


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Implements :class:`query.summary.PartFigures` for parts of series of one kind, of which each begins at its time.

    ``series_of`` is each part's index into ``keys``. ``numbers`` and ``exact`` hold the figures there are.
    """

    kind: Kind
    keys: Sequence[SeriesKey]
    series_of: Rows
    times: Timestamps
    counts: NDArray[np.intp]
    numbers: Mapping[Figure, Numbers]
    exact: Mapping[Figure, Sums]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def device_ids(self) -> NDArray[np.int64]:
        """The device of each part."""
        return np.array([key.device_id for key in self.keys], np.int64)[self.series_of]

    @property
    def is_integer(self) -> bool:
        """Whether the values are int64."""
        return self.kind is Kind.INTEGER

    @property
    def first(self) -> Cells:
        """The first value of each part."""
        return Cells.of_kind(self.kind, self.numbers[Figure.FIRSTS])

    @property
    def last(self) -> Cells:
        """The last value."""
        return Cells.of_kind(self.kind, self.numbers[Figure.LASTS])

    @property
    def least(self) -> Numbers:
        """The least value."""
        return self.numbers[Figure.LEASTS]

    @property
    def greatest(self) -> Numbers:
        """The greatest value."""
        return self.numbers[Figure.GREATESTS]

    @property
    def odd(self) -> Floats:
        """What the values that are NaN or infinite add up to."""
        return self.numbers[Figure.ODDS]

    @property
    def sums(self) -> Sums:
        """The exact sum of the finite values."""
        return self.exact[Figure.SUMS]

    @property
    def square_sums(self) -> Sums:
        """The exact sum of their squares."""
        return self.exact[Figure.SQUARES]

    def key_of(self, part: int) -> SeriesKey:
        """The series of a part."""
        return self.keys[int(self.series_of[part])]

    def chosen(self, places: Rows) -> Figures:
        """The parts at some places."""
        exact = {figure: sums.chosen(places) for figure, sums in self.exact.items()}
        numbers = {figure: values[places] for figure, values in self.numbers.items()}
        return Figures(
            self.kind, self.keys, self.series_of[places], self.times[places], self.counts[places], numbers, exact
        )

    def merged(self, starts: Starts) -> Figures:
        """Parts made of neighbouring ones, given the first of each; they are in order of time."""
        if len(starts) == len(self):
            return self
        ends = np.append(starts[1:], len(self)) - 1
        numbers = {figure: _merged(figure, values, starts, ends) for figure, values in self.numbers.items()}
        exact = {figure: sums.merged(starts) for figure, sums in self.exact.items()}
        counts = np.add.reduceat(self.counts, starts)
        return Figures(self.kind, self.keys, self.series_of[starts], self.times[starts], counts, numbers, exact)


def _merged(figure: Figure, values: Numbers, starts: Starts, ends: Rows) -> Numbers:
    if figure is Figure.FIRSTS:
        return values[starts]
    if figure is Figure.LASTS:
        return values[ends]
    if figure is Figure.ODDS:
        with np.errstate(invalid="ignore"):
            return np.add.reduceat(values, starts)
    better = np.minimum if figure is Figure.LEASTS else np.maximum
    return values_of(better.reduceat(ranks(values), starts), values.dtype)


def summarised(summary: Summary, times: Timestamps, kind: Kind, figures: Iterable[Figure]) -> Figures:
    """The figures of the parts of one series, which begin at ``times``."""
    numbers: dict[Figure, Numbers] = {}
    exact: dict[Figure, Sums] = {}
    for figure in figures:
        if figure in EXACT:
            exact[figure] = summary.sums if figure is Figure.SUMS else summary.square_sums
        elif figure is not Figure.COUNTS:
            numbers[figure] = _NUMBERS[figure](summary)
    series_of = np.zeros(len(times), np.intp)
    return Figures(kind, [summary.key_of(0)], series_of, times, summary.counts, numbers, exact)


_NUMBERS: Final = {
    Figure.ODDS: lambda summary: summary.odd,
    Figure.LEASTS: lambda summary: summary.least,
    Figure.GREATESTS: lambda summary: summary.greatest,
    Figure.FIRSTS: lambda summary: summary.numbers[summary.starts],
    Figure.LASTS: lambda summary: summary.numbers[summary.ends],
}


def together(parts: Sequence[Figures]) -> Figures:
    """Figures of one kind in one, ordered by series (by its key) and time. At least one, with the same figures each."""
    if len(parts) == 1 and _are_sorted(parts[0]):
        return parts[0]
    keys = sorted({key for part in parts for key in part.keys})
    place = {key: index for index, key in enumerate(keys)}
    series_of = np.concatenate([np.array([place[key] for key in part.keys], np.intp)[part.series_of] for part in parts])
    times = np.concatenate([part.times for part in parts])
    numbers = {figure: np.concatenate([part.numbers[figure] for part in parts]) for figure in parts[0].numbers}
    exact = {figure: joined([part.exact[figure] for part in parts]) for figure in parts[0].exact}
    counts = np.concatenate([part.counts for part in parts])
    found = Figures(parts[0].kind, keys, series_of, times, counts, numbers, exact)
    return found if _are_in_order(series_of, times) else found.chosen(np.lexsort((times, series_of)))


def _are_sorted(part: Figures) -> bool:
    keys = part.keys
    return all(one < other for one, other in pairwise(keys)) and _are_in_order(part.series_of, part.times)


def _are_in_order(series_of: Rows, times: Timestamps) -> bool:
    before, after = series_of[:-1], series_of[1:]
    is_later = times[1:] > times[:-1]
    if np.count_nonzero(before != after):
        is_later = (after > before) | ((after == before) & is_later)
    return bool(is_later.all())
