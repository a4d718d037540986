"""An answer that has many series in one row, their points one after the other; see read_sql.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iotflow_server.stores.batch import Rows, Timestamps, Values
from iotflow_server.stores.points import Kinds, Points, SeriesKey, joined_values, series_keys
from iotflow_server.stores.postgres.packed import unpack_counts, unpack_timestamps, unpack_values


@dataclass(frozen=True, slots=True, eq=False)
class SeriesBlock:
    """Points series by series: ``counts`` says how many of each there are, maybe none."""

    series: Sequence[SeriesKey]
    counts: Rows
    timestamps: Timestamps
    kinds: Kinds
    values: Values

    @classmethod
    def of(cls, rows: Sequence[Any]) -> SeriesBlock:
        """What rows hold, of which each has all series of the same kinds."""
        parts = [_unpacked(*row[:6]) for row in rows]
        return parts[0] if len(parts) == 1 else _joined(parts)

    @property
    def series_of(self) -> Rows:
        """Each point's index into the series."""
        return np.repeat(np.arange(len(self.series)), self.counts)

    def points(self, described: Sequence[int] | None) -> Points:
        """The points in this order; ``described`` are the devices that have metadata."""
        return Points(self.series, self.series_of, self.timestamps, self.kinds, self.values, frozenset(described or ()))


def _unpacked(
    kinds: int, devices: list[int], names: list[str], counts: bytes, timestamps: bytes | None, values: bytes | None
) -> SeriesBlock:
    return SeriesBlock(
        series_keys(devices, names),
        unpack_counts(counts),
        unpack_timestamps(timestamps or b""),
        *unpack_values(kinds, values or b""),
    )


def _joined(parts: Sequence[SeriesBlock]) -> SeriesBlock:
    return SeriesBlock(
        [key for part in parts for key in part.series],
        np.concatenate([np.empty(0, np.intp), *(part.counts for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.timestamps for part in parts)]),
        np.concatenate([np.empty(0, np.int8), *(part.kinds for part in parts)]),
        joined_values([part.values for part in parts]),
    )
