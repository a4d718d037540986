"""Points one by one, of any series: the form in which short answers are read and put in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind, Rows, Timestamps, Values

#: A value as Python has it: float (NUMERIC), int (INTEGER), bool (BOOLEAN), str (TEXT, JSON).
Scalar = float | int | bool | str
Kinds = NDArray[np.int8]
#: Plain numbers: members of an enum are slow to look up and to compare with.
_TEXT, _JSON = int(Kind.TEXT), int(Kind.JSON)
_NONE: Final = np.empty(0, np.intp)


class SeriesKey(NamedTuple):
    """What tells a series from all others."""

    device_id: int
    measurement: str


def series_keys(device_ids: Iterable[int], measurements: Iterable[str]) -> list[SeriesKey]:
    """Many keys; their own constructor would take as long again."""
    return list(map(_NEW_KEY, zip(device_ids, measurements, strict=True)))


_NEW_KEY: Final = partial(tuple.__new__, SeriesKey)


@dataclass(frozen=True, slots=True, eq=False)
class Points(Sequence[Batch]):
    """Points in an order of their own, one entry of each array for each; a sequence of batches for whom wants those.

    ``series`` names every series once, and ``series_of`` is each point's index into it. ``kinds`` are the numbers of
    Kind. ``values`` has the dtype of the kind where all are of one, else it may hold Python scalars. ``described`` are
    the devices that may have metadata; None where that is not known.
    """

    series: Sequence[SeriesKey]
    series_of: Rows
    timestamps: Timestamps
    kinds: Kinds
    values: Values
    described: frozenset[int] | None = None

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Points:
        """The points of batches; those that are points stay what they are."""
        if isinstance(batches, Points):
            return batches
        columns = [(batch, column) for batch in batches for column in batch.columns]
        sizes = [len(column) for _, column in columns]
        return cls(
            [SeriesKey(batch.device_id, column.name) for batch, column in columns],
            np.repeat(np.arange(len(columns)), sizes),
            np.concatenate([np.empty(0, np.int64), *(column.timestamps(each.timestamps) for each, column in columns)]),
            np.repeat(np.array([column.kind for _, column in columns], np.int8), sizes),
            joined_values([column.values for _, column in columns]),
        )

    @property
    def point_count(self) -> int:
        """How many points there are."""
        return len(self.values)

    def each(self) -> Iterator[tuple[int, int, int, Scalar]]:
        """Of each point the index of its series, its timestamp, the number of its kind, and its value."""
        return zip(
            self.series_of.tolist(), self.timestamps.tolist(), self.kinds.tolist(), self.values.tolist(), strict=True
        )

    @property
    def device_ids(self) -> NDArray[np.int32]:
        """The device of each point."""
        return np.array([key.device_id for key in self.series], np.int32)[self.series_of]

    @property
    def texts(self) -> Rows:
        """The indices of those points that hold text or JSON."""
        if self.values.dtype != object:
            return _NONE
        return np.flatnonzero((self.kinds == _TEXT) | (self.kinds == _JSON))

    def chosen(self, order: Rows) -> Points:
        """Some of the points, in an order of their own."""
        return Points(
            self.series,
            self.series_of[order],
            self.timestamps[order],
            self.kinds[order],
            self.values[order],
            self.described,
        )

    def first(self, length: int) -> Points:
        """The first of the points, in their order."""
        return self if length >= self.point_count else self.chosen(np.arange(length))

    def in_time(self, *, descending: bool) -> Rows:
        """The order (timestamp, device, measurement), all turned round if ``descending``. Names by code point."""
        order = np.lexsort((self._ranks(), self.timestamps))
        return order[::-1] if descending else order

    def by_series(self) -> Rows:
        """The order (device, measurement, timestamp)."""
        return np.lexsort((self.timestamps, self._ranks()))

    def __len__(self) -> int:
        return len(np.unique(self.device_ids))

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        return list(iter(self))[index]

    def __iter__(self) -> Iterator[Batch]:
        device_ids = self.device_ids
        for device_id in np.unique(device_ids).tolist():
            yield _batch(device_id, self.chosen(np.flatnonzero(device_ids == device_id)))

    def _ranks(self) -> NDArray[np.intp]:
        """The place of each point's series among all."""
        ranks = np.empty(len(self.series), np.intp)
        ranks[sorted(range(len(self.series)), key=self.series.__getitem__)] = np.arange(len(self.series))
        return ranks[self.series_of]


def _batch(device_id: int, points: Points) -> Batch:
    timestamps, places = np.unique(points.timestamps, return_inverse=True)
    gathered: dict[tuple[str, int], list[int]] = {}
    for index, (series, kind) in enumerate(zip(points.series_of.tolist(), points.kinds.tolist(), strict=True)):
        gathered.setdefault((points.series[series].measurement, kind), []).append(index)
    columns = (
        _column(name, Kind(kind), gathered[name, kind], points.values, places, len(timestamps))
        for name, kind in sorted(gathered)
    )
    return Batch(device_id, timestamps, tuple(columns))


def _column(name: str, kind: Kind, indices: list[int], values: Values, places: Rows, row_count: int) -> Column:
    indices.sort(key=places.__getitem__)
    rows = None if len(indices) == row_count else places[indices]
    return Column(name, kind, values[indices].astype(kind.dtype, copy=False), rows)


def joined_values(parts: Sequence[Values]) -> Values:
    """Values of several kinds or of one, one after the other."""
    if len({part.dtype for part in parts}) > 1:
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts) if parts else np.empty(0, object)
