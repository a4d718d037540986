"""Values for windows that hold no point."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from iotflow_server.query.exact import Starts, between
from iotflow_server.query.results import Aggregation, Cell, Wanted
from iotflow_server.stores.batch import Kind, Timestamps


class Fill(enum.IntEnum):
    """What to answer for a window without points. The numbers are those of Fill in the protos."""

    NONE = 1
    NULL = 2
    PREVIOUS = 3
    LINEAR = 4


_NOUGHT: Final[Cell] = (Kind.INTEGER, 0)


def filled(cells: Sequence[Cell], places: Starts, begins: Timestamps, wanted: Wanted, fill: Fill) -> list[Cell]:
    """The results of all windows, which begin at ``begins``, given those of the windows at ``places`` (ascending)."""
    if wanted is Aggregation.COUNT:
        return _spread(cells, places, [_NOUGHT] * len(begins))
    if fill is Fill.PREVIOUS:
        return list(_previous(cells, places, len(begins)))
    if fill is Fill.LINEAR:
        return _spread(cells, places, list(_linear(cells, places.tolist(), begins.tolist())))
    return _spread(cells, places, [None] * len(begins))


def _spread(cells: Sequence[Cell], places: Starts, base: list[Cell]) -> list[Cell]:
    for place, cell in zip(places.tolist(), cells, strict=True):
        base[place] = cell
    return base


def _previous(cells: Sequence[Cell], places: Starts, count: int) -> Iterator[Cell]:
    before = np.searchsorted(places, np.arange(count), side="right") - 1
    return (cells[place] if place >= 0 else None for place in before.tolist())


def _linear(cells: Sequence[Cell], places: Sequence[int], begins: Sequence[int]) -> Iterator[Cell]:
    after = 0
    for place, begin in enumerate(begins):
        while after < len(places) and places[after] <= place:
            after += 1
        if 0 < after < len(places):
            yield _on_line(cells[after - 1], cells[after], begin, begins[places[after - 1]], begins[places[after]])
        else:
            yield None


def _on_line(one: Cell, other: Cell, begin: int, first: int, last: int) -> Cell:
    if one is None or other is None:
        return None
    return Kind.NUMERIC, between(one[1], other[1], Fraction(begin - first, last - first))  # type: ignore[arg-type]
