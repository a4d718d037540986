"""Records of certain quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.rows import keep_rows
from iotflow_server.stores.batch import QUALITY_SERIES, Batch, Kind

#: Quality flags that are asked for; None for any. A record that has none counts as 0.
QualityFlags = frozenset[int] | None


def rows_of_quality(batch: Batch, flags: QualityFlags) -> Batch | None:
    """The rows of a batch, read with its metadata, that have one of these flags; None where there are none."""
    if flags is None:
        return batch
    return keep_rows(batch, np.isin(_quality(batch), list(flags)))


def _quality(batch: Batch) -> NDArray[np.int64]:
    found = np.zeros(len(batch.timestamps), dtype=np.int64)
    for column in batch.columns:
        if column.name == QUALITY_SERIES and column.kind is Kind.INTEGER:
            is_flag = (column.values >= -(2**31)) & (column.values < 2**31)
            found[slice(None) if column.rows is None else column.rows] = np.where(is_flag, column.values, 0)
    return found
