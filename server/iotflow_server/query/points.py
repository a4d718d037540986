"""Batches as a list of points in the order of a query."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.metadata import RecordFacts
from iotflow_server.query.results import PointList, Scalar
from iotflow_server.stores.batch import Batch, Column
from iotflow_server.stores.selection import PointKey


class PointOrder(enum.Enum):
    """How points are ordered."""

    TIME_ASCENDING = enum.auto()
    TIME_DESCENDING = enum.auto()
    SERIES = enum.auto()


class FlatPoints:
    """The points of batches one by one, in order. Names compare by code point."""

    def __init__(self, batches: Sequence[Batch], order: PointOrder) -> None:
        columns = [(batch, column) for batch in batches for column in batch.columns]
        sizes = [len(column) for _, column in columns]
        timestamps = [column.timestamps(batch.timestamps) for batch, column in columns]
        self.device_ids = np.repeat(np.array([batch.device_id for batch, _ in columns], dtype=np.int32), sizes)
        self.timestamps = _joined(timestamps, np.int64)
        self._columns = [column for _, column in columns]
        self._column_of = np.repeat(np.arange(len(columns)), sizes)
        self._values: list[Scalar] = [value for column in self._columns for value in column.values.tolist()]
        self._order = self._sort(order)
        self.device_ids, self.timestamps = self.device_ids[self._order], self.timestamps[self._order]

    def __len__(self) -> int:
        return len(self._order)

    def key(self, index: int) -> PointKey:
        """The key of a point."""
        name = self._columns[self._column_of[self._order[index]]].name
        return PointKey(int(self.timestamps[index]), int(self.device_ids[index]), name)

    def fitting(self, max_bytes: int) -> int:
        """How many of the first points hold no more than so many bytes of text together; one at least."""
        values = (self._values[index] for index in self._order.tolist())
        sizes = np.fromiter((len(v.encode()) if isinstance(v, str) else 0 for v in values), np.int64, len(self))
        return max(1, int(np.searchsorted(np.cumsum(sizes), max_bytes, side="right")))

    def cut(self, length: int) -> None:
        """Keep only the first points."""
        self._order = self._order[:length]
        self.device_ids, self.timestamps = self.device_ids[:length], self.timestamps[:length]

    def with_facts(self, facts: RecordFacts) -> PointList:
        """The points with the metadata and quality of their records."""
        columns: list[Column] = [self._columns[index] for index in self._column_of[self._order].tolist()]
        records = list(zip(self.device_ids.tolist(), self.timestamps.tolist(), strict=True))
        return PointList(
            device_ids=self.device_ids,
            measurements=[column.name for column in columns],
            timestamps=self.timestamps,
            kinds=[column.kind for column in columns],
            values=[self._values[index] for index in self._order.tolist()],
            metadata=[facts.metadata(record) for record in records],
            quality=[facts.quality(record) for record in records],
        )

    def _sort(self, order: PointOrder) -> NDArray[np.intp]:
        names = {name: rank for rank, name in enumerate(sorted({column.name for column in self._columns}))}
        ranks = np.array([names[column.name] for column in self._columns], dtype=np.intp)[self._column_of]
        if order is PointOrder.SERIES:
            return np.lexsort((ranks, self.device_ids))
        ascending = np.lexsort((ranks, self.device_ids, self.timestamps))
        return ascending if order is PointOrder.TIME_ASCENDING else ascending[::-1]


def _joined(arrays: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)
