"""What an aggregation answers, in columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.cells import Cells
from iotflow_server.query.results import AggregateRow
from iotflow_server.query.windows import bounds_of
from iotflow_server.stores.batch import Rows, Timestamps
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import SeriesKey


@dataclass(frozen=True, slots=True, eq=False)
class AggregateRows:
    """Aggregates of series by windows, an entry of each array for each row; those of a series stand together.

    ``series_of`` is each row's index into ``keys``, ascending. Windows are [begins[i], ends[i]) in microseconds since
    1970. ``is_filled`` says that a window holds no point. ``columns`` are the results, in the order that is wanted.
    """

    keys: Sequence[SeriesKey]
    series_of: Rows
    begins: Timestamps
    ends: Timestamps
    is_filled: NDArray[np.bool_]
    columns: tuple[Cells, ...]

    def __len__(self) -> int:
        return len(self.begins)

    def __iter__(self) -> Iterator[AggregateRow]:
        bounds = zip(self.begins.tolist(), self.ends.tolist(), strict=True)
        cells = zip(*self.columns, strict=True)
        rows = zip(self.series_of.tolist(), bounds, self.is_filled.tolist(), cells, strict=True)
        for series, (begin, end), is_filled, values in rows:
            device_id, measurement = self.keys[series]
            yield AggregateRow(device_id, measurement, *bounds_of(begin, end), values, is_filled)

    def by_series(self) -> Iterator[AggregateRows]:
        """The rows of each series by themselves."""
        bounds = np.flatnonzero(np.diff(self.series_of, prepend=-1, append=-1))
        for first, end in itertools.pairwise(bounds.tolist()):
            own = self.chosen(slice(first, end))
            yield replace(own, keys=[self.keys[int(own.series_of[0])]], series_of=np.zeros(len(own), np.intp))

    def in_order(self) -> AggregateRows:
        """Ordered by device and measurement."""
        order = sorted(range(len(self.keys)), key=self.keys.__getitem__)
        ranks = np.empty(len(order), np.intp)
        ranks[order] = np.arange(len(order))
        series_of = ranks[self.series_of]
        places = np.argsort(series_of, kind="stable")
        return replace(self.chosen(places), keys=[self.keys[place] for place in order], series_of=series_of[places])

    def arranged(self, *, descending: bool, limit: int | None) -> AggregateRows:
        """The first rows of each series, at most ``limit``, their windows descending where asked."""
        counts = np.bincount(self.series_of, minlength=len(self.keys))
        firsts = np.cumsum(counts) - counts
        number = np.arange(len(self)) - firsts[self.series_of]
        places = (firsts + counts - 1)[self.series_of] - number if descending else np.arange(len(self))
        return self.chosen(places if limit is None else places[number < limit])

    def chosen(self, places: Rows | slice) -> AggregateRows:
        """The rows at some places; those of a series still stand together."""
        columns = tuple(column.chosen(places) for column in self.columns)
        series_of, begins, ends = self.series_of[places], self.begins[places], self.ends[places]
        return AggregateRows(self.keys, series_of, begins, ends, self.is_filled[places], columns)


def joined(parts: Sequence[AggregateRows]) -> AggregateRows:
    """Rows of different series, one after the other; at least one part."""
    if len(parts) == 1:
        return parts[0]
    before = np.cumsum([0, *(len(part.keys) for part in parts[:-1])]).tolist()
    return AggregateRows(
        [key for part in parts for key in part.keys],
        np.concatenate([part.series_of + shift for part, shift in zip(parts, before, strict=True)]),
        np.concatenate([part.begins for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.is_filled for part in parts]),
        tuple(Cells.joined(columns) for columns in zip(*(part.columns for part in parts), strict=True)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class AggregateTable:
    """Rows ordered by device and measurement, then windows as asked."""

    parts: tuple[AggregateRows, ...]
    served_by: StoreName

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def rows(self) -> tuple[AggregateRow, ...]:
        """The rows one by one, for what looks at few."""
        return tuple(row for part in self.parts for row in part)
