"""What one store has of a device that another lacks, has otherwise, or has too much, compared value by value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind, Timestamps, Values
from iotflow_server.stores.json_text import same_json

_Series = dict[tuple[str, Kind], tuple[Timestamps, Values]]


def difference(
    batch: Batch | None, there: Sequence[Batch], device_id: int
) -> tuple[Batch | None, list[tuple[str, int]]]:
    """Compare what should be (``batch``, None: nothing) with what is there.

    Returns the part of the batch that is missing or different there (None: nothing), and the (name, timestamp)
    of what is there and should not be. A point whose kind differs is in both.
    """
    is_there = series_of(there)
    columns = [] if batch is None else [_differing(column, batch, is_there) for column in batch.columns]
    wrong = tuple(column for column in columns if len(column))
    should_be = series_of([] if batch is None else [batch])
    extra = [
        (name, int(timestamp))
        for (name, kind), (timestamps, _) in is_there.items()
        for timestamp in _beyond(timestamps, should_be.get((name, kind)))
    ]
    missing = Batch(device_id, batch.timestamps, wrong) if batch is not None and wrong else None
    return missing, extra


def series_of(batches: Sequence[Batch]) -> _Series:
    """Timestamps and values by name and kind, in order of time."""
    parts: dict[tuple[str, Kind], list[tuple[Timestamps, Values]]] = {}
    for batch in batches:
        for column in batch.columns:
            part = (column.timestamps(batch.timestamps), column.values)
            parts.setdefault((column.name, column.kind), []).append(part)
    return {
        key: (np.concatenate([t for t, _ in found]), np.concatenate([v for _, v in found]))
        for key, found in parts.items()
    }


def _beyond(timestamps: Timestamps, should_be: tuple[Timestamps, Values] | None) -> Timestamps:
    if should_be is None:
        return timestamps
    return timestamps[~np.isin(timestamps, should_be[0])]


def _differing(column: Column, batch: Batch, there: _Series) -> Column:
    found = there.get((column.name, column.kind))
    if found is None:
        return column
    wanted = column.timestamps(batch.timestamps)
    timestamps, values = found
    place = np.minimum(np.searchsorted(timestamps, wanted), len(timestamps) - 1)
    same = timestamps[place] == wanted
    same[same] = equal_values(column.kind, column.values[same], values[place[same]])
    return column.where(~same, len(batch.timestamps))


def equal_values(kind: Kind, one: Values, other: Values) -> NDArray[np.bool_]:
    """Which values of one kind are the same in both."""
    if kind is Kind.NUMERIC:
        # Bit for bit, but for NaN: stores do not promise to keep which NaN it was.
        bits: NDArray[np.bool_] = one.view(np.int64) == other.view(np.int64)
        return bits | (np.isnan(one) & np.isnan(other))
    if kind is Kind.JSON:
        return np.fromiter(map(same_json, one, other), np.bool_, len(one))
    return np.asarray(one == other, dtype=np.bool_)
