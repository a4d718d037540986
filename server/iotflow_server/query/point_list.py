"""The points that a query answers, with the metadata and quality of their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from iotflow_server.query.metadata import NO_METADATA, Metadata, Record, RecordFacts
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import Points, Scalar

_KINDS: Final = {int(kind): kind for kind in Kind}


@dataclass(frozen=True, slots=True, eq=False)
class PointList:
    """Points in the order of their query; ``facts`` of their records, None where none has any.

    The properties are lists with an entry for each point, made whenever they are asked for.
    """

    points: Points
    facts: RecordFacts | None = None

    def __len__(self) -> int:
        return self.points.point_count

    @property
    def device_ids(self) -> list[int]:
        """The devices."""
        found: list[int] = self.points.device_ids.tolist()
        return found

    @property
    def measurements(self) -> list[str]:
        """The names of the measurements."""
        series = self.points.series
        return [series[index].measurement for index in self.points.series_of.tolist()]

    @property
    def timestamps(self) -> list[int]:
        """The timestamps in microseconds since 1970."""
        found: list[int] = self.points.timestamps.tolist()
        return found

    @property
    def kinds(self) -> list[Kind]:
        """The kinds."""
        return [_KINDS[kind] for kind in self.points.kinds.tolist()]

    @property
    def values(self) -> list[Scalar]:
        """The values."""
        found: list[Scalar] = self.points.values.tolist()
        return found

    @property
    def metadata(self) -> Sequence[Metadata]:
        """The metadata of each point's record: points of one (device, timestamp) share it."""
        if self.facts is None:
            return [NO_METADATA] * len(self)
        return [self.facts.metadata(record) for record in self._records()]

    @property
    def quality(self) -> Sequence[int]:
        """The quality of each point's record, 0 where it was never set."""
        if self.facts is None:
            return [0] * len(self)
        return [self.facts.quality(record) for record in self._records()]

    def _records(self) -> list[Record]:
        return list(zip(self.device_ids, self.timestamps, strict=True))
