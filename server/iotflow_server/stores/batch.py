"""The columnar batch: the one form in which points travel from the edge to the stores and back.

Metadata and quality of a record are series too: those whose names begin with :data:`METADATA_PREFIX`.
Only the edge knows more about them than that (see docs/adr/0002).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

#: Names that begin so are metadata of a record. The older system's layout in IoTDB fixes the word.
METADATA_PREFIX: Final = "meta_"
#: The series that carries a record's quality_flag; its kind is INTEGER.
QUALITY_SERIES: Final = "meta_quality_flag"

Timestamps = NDArray[np.int64]
#: float64 (NUMERIC), int64 (INTEGER), bool (BOOLEAN), or object arrays of str (TEXT, JSON).
Values = NDArray[Any]
Rows = NDArray[np.intp]
Scalar = TypeVar("Scalar", bound=np.generic)


class Kind(enum.IntEnum):
    """Kind of a value. The numbers are those of ValueKind in the protos."""

    NUMERIC = 1
    INTEGER = 2
    TEXT = 3
    BOOLEAN = 4
    JSON = 5

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that arrays of values of this kind have."""
        return _DTYPES[self]

    @property
    def is_number(self) -> bool:
        """Whether values can be added."""
        return self in (Kind.NUMERIC, Kind.INTEGER)


_DTYPES: Final = {
    Kind.NUMERIC: np.dtype(np.float64),
    Kind.INTEGER: np.dtype(np.int64),
    Kind.TEXT: np.dtype(object),
    Kind.BOOLEAN: np.dtype(np.bool_),
    Kind.JSON: np.dtype(object),
}


def is_metadata(name: str) -> bool:
    """Whether a series holds metadata of records rather than measured values."""
    return name.startswith(METADATA_PREFIX)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values of one measurement and one kind.

    ``rows`` are the indices into the batch's timestamps that have a value here, strictly ascending;
    None means all of them. ``values`` holds one value for each.
    """

    name: str
    kind: Kind
    values: Values
    rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.values)

    def timestamps(self, batch_timestamps: Timestamps) -> Timestamps:
        """The timestamps of this column's values, given its batch's."""
        return self.of_rows(batch_timestamps)

    def of_rows(self, by_row: NDArray[Scalar]) -> NDArray[Scalar]:
        """What belongs to the rows of this column's values, given what belongs to all rows."""
        return by_row if self.rows is None else by_row[self.rows]

    def where(self, chosen: NDArray[np.bool_], row_count: int) -> Column:
        """The chosen values only, one bool for each value; ``row_count`` is the number of the batch's rows."""
        rows = np.arange(row_count) if self.rows is None else self.rows
        return Column(self.name, self.kind, self.values[chosen], rows[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Points of one device.

    ``timestamps`` are int64 microseconds since 1970-01-01T00:00:00Z, unique and ascending (descending in the
    answer to a descending scan). The pair (name, kind) is unique among ``columns``, and no row has a value in
    two columns of the same name.
    """

    device_id: int
    timestamps: Timestamps
    columns: tuple[Column, ...]

    @property
    def point_count(self) -> int:
        """Points in it, metadata not counted."""
        return sum(len(column) for column in self.columns if not is_metadata(column.name))

    @property
    def nbytes(self) -> int:
        """An estimate of the memory it holds, in bytes."""
        return int(self.timestamps.nbytes) + sum(_nbytes(column) for column in self.columns)


def _nbytes(column: Column) -> int:
    if column.values.dtype == object:
        # A str of n ASCII characters takes 49 + n bytes, and its reference 8.
        return 57 * len(column) + sum(map(len, column.values))
    return int(column.values.nbytes)
