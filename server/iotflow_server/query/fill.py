"""Values for windows that hold no point."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from iotflow_server.query.cells import NOTHING, Cells
from iotflow_server.query.exact import Starts, between
from iotflow_server.query.results import Aggregation, Cell, Wanted
from iotflow_server.stores.batch import Kind, Timestamps


class Fill(enum.IntEnum):
    """What to answer for a window without points. The numbers are those of Fill in the protos."""

    NONE = 1
    NULL = 2
    PREVIOUS = 3
    LINEAR = 4


def filled(cells: Cells, places: Starts, begins: Timestamps, wanted: Wanted, fill: Fill) -> Cells:
    """The results of all windows, which begin at ``begins``, given those of the windows at ``places`` (ascending)."""
    if wanted is Aggregation.COUNT:
        return _spread(cells, places, len(begins), Kind.INTEGER)
    if fill is Fill.PREVIOUS:
        return _previous(cells, places, len(begins))
    if fill is Fill.LINEAR:
        return Cells.of(list(_linear(list(cells), places.tolist(), begins.tolist())))
    return _spread(cells, places, len(begins), NOTHING)


def _spread(cells: Cells, places: Starts, count: int, others: int) -> Cells:
    """The cells at their places, and zeros elsewhere, which ``others`` is the kind of."""
    kinds, values = np.full(count, others, np.int8), np.zeros(count, cells.values.dtype)
    kinds[places], values[places] = cells.kinds, cells.values
    return Cells(kinds, values)


def _previous(cells: Cells, places: Starts, count: int) -> Cells:
    before = np.searchsorted(places, np.arange(count), side="right") - 1
    found = cells.chosen(np.maximum(before, 0))
    return Cells(np.where(before >= 0, found.kinds, NOTHING).astype(np.int8), found.values)


def _linear(cells: Sequence[Cell], places: Sequence[int], begins: Sequence[int]) -> Iterator[Cell]:
    after = 0
    for place, begin in enumerate(begins):
        while after < len(places) and places[after] <= place:
            after += 1
        if after and places[after - 1] == place:
            yield cells[after - 1]
        elif 0 < after < len(places):
            yield _on_line(cells[after - 1], cells[after], begin, begins[places[after - 1]], begins[places[after]])
        else:
            yield None


def _on_line(one: Cell, other: Cell, begin: int, first: int, last: int) -> Cell:
    if one is None or other is None:
        return None
    return Kind.NUMERIC, between(one[1], other[1], Fraction(begin - first, last - first))  # type: ignore[arg-type]  # numbers
