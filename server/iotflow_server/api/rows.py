"""How the rows of a ColumnBatch, in any order and with repetitions, become the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Rows, Timestamps
from iotflow_server.stores.selection import MIN_TIMESTAMP


@dataclass(frozen=True, slots=True, eq=False)
class RowLayout:
    """The batch's timestamps, and for each row as sent its row in the batch.

    ``row_of`` holds -1 for a row whose timestamp is out of range; it is None where the rows stay as sent.
    """

    timestamps: Timestamps
    row_of: Rows | None
    out_of_range: Rows

    def place(self, sent_rows: Rows) -> Rows:
        """The rows in the batch of rows as sent, -1 for those out of range."""
        return sent_rows if self.row_of is None else self.row_of[sent_rows]


def lay_out(sent: Timestamps, precision_us: int, end: int) -> RowLayout:
    """Floor timestamps to the precision, drop those out of range, sort them and remove repetitions.

    ``end`` is the end of the range, exclusive, for timestamps at the precision.
    """
    nothing = np.empty(0, dtype=np.intp)
    floored = sent - sent % precision_us if precision_us > 1 else sent
    valid = (sent >= MIN_TIMESTAMP) & (floored < end)
    if valid.all():
        if (floored[1:] > floored[:-1]).all():
            return RowLayout(floored, None, nothing)
        timestamps, row_of = np.unique(floored, return_inverse=True)
        return RowLayout(timestamps, row_of.astype(np.intp), nothing)
    timestamps, inverse = np.unique(floored[valid], return_inverse=True)
    rows = np.full(len(sent), -1, dtype=np.intp)
    rows[valid] = inverse
    return RowLayout(timestamps, rows, np.flatnonzero(~valid))


def last_of_each(rows: Rows) -> Rows | None:
    """Positions that put rows in ascending order with only the last of repeated ones, None if they are so already."""
    if (rows[1:] > rows[:-1]).all():
        return None
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    is_last: NDArray[np.bool_] = np.append(ordered[1:] != ordered[:-1], True)
    return order[is_last]
