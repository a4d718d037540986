"""Results of aggregations in columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.results import Cell
from iotflow_server.stores.batch import Kind, Rows, Values
from iotflow_server.stores.points import joined_values

#: Stands for a kind where there is no value.
NOTHING: Final = 0
_KINDS: Final = {kind.value: kind for kind in Kind}
#: By number of a kind.
_NUMBERS: Final = np.array([number not in _KINDS or _KINDS[number].is_number for number in range(max(Kind) + 1)])


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Results of one aggregation, one for each window.

    ``kinds`` holds the number of the kind of each, NOTHING where there is no value. ``values`` has the dtype of the
    kind where all are of one, else it holds Python scalars.
    """

    kinds: NDArray[np.int8]
    values: Values

    @classmethod
    def of_kind(cls, kind: Kind, values: Values, is_there: NDArray[np.bool_] | None = None) -> Cells:
        """Values of one kind; ``is_there`` says which of them there are."""
        kinds = np.full(len(values), kind, np.int8)
        if is_there is not None:
            kinds[~is_there] = NOTHING
        return cls(kinds, values)

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Cells:
        """The same as single cells."""
        kinds = np.array([NOTHING if cell is None else cell[0] for cell in cells], np.int8)
        found = set(kinds.tolist()) - {NOTHING}
        values = np.zeros(len(cells), _KINDS[found.pop()].dtype if len(found) == 1 else object)
        for place in np.flatnonzero(kinds).tolist():
            cell = cells[place]
            assert cell is not None
            values[place] = cell[1]
        return cls(kinds, values)

    @classmethod
    def joined(cls, parts: Sequence[Cells]) -> Cells:
        """Some, one after the other; at least one."""
        return cls(np.concatenate([part.kinds for part in parts]), joined_values([part.values for part in parts]))

    def __len__(self) -> int:
        return len(self.kinds)

    def __iter__(self) -> Iterator[Cell]:
        for kind, value in zip(self.kinds.tolist(), self.values.tolist(), strict=True):
            yield (_KINDS[kind], value) if kind else None

    @property
    def are_numbers(self) -> bool:
        """Whether all the values there are are numbers."""
        return bool(_NUMBERS[self.kinds].all())

    def chosen(self, places: Rows | slice) -> Cells:
        """Those at some places."""
        return Cells(self.kinds[places], self.values[places])
