"""Makes batches of the series that a scan has read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind, Rows, Timestamps
from iotflow_server.stores.postgres.merged import SeriesRows


def batch_of(device_id: int, series: Sequence[SeriesRows], *, descending: bool) -> Batch:
    """One batch of series of one device, each in the order of the scan."""
    timestamps = _united([rows.timestamps for rows in series], descending=descending)
    ordered = sorted(series, key=lambda rows: rows.name)
    columns = (column for rows in ordered for column in _columns(rows, timestamps, descending=descending))
    return Batch(device_id, timestamps, tuple(columns))


def _united(each: Sequence[Timestamps], *, descending: bool) -> Timestamps:
    # Series that are measured together need no sorting.
    if all(np.array_equal(each[0], other) for other in each[1:]):
        return each[0]
    united = np.unique(np.concatenate(each))
    return united[::-1] if descending else united


def _columns(series: SeriesRows, timestamps: Timestamps, *, descending: bool) -> Iterator[Column]:
    places = _places(series.timestamps, timestamps, descending=descending)
    kinds: list[int] = np.unique(series.kinds).tolist()
    if len(kinds) == 1:
        yield Column(series.name, Kind(kinds[0]), _typed(series.values, Kind(kinds[0])), places)
        return
    for kind in map(Kind, kinds):
        chosen = np.flatnonzero(series.kinds == kind)
        yield Column(
            series.name, kind, _typed(series.values[chosen], kind), chosen if places is None else places[chosen]
        )


def _places(own: Timestamps, timestamps: Timestamps, *, descending: bool) -> Rows | None:
    if len(own) == len(timestamps):
        return None
    return np.searchsorted(-timestamps, -own) if descending else np.searchsorted(timestamps, own)


def _typed(values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    return values.astype(kind.dtype, copy=False)
