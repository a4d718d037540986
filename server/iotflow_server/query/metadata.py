"""Finds the metadata and quality of records whose points a query returns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Kind
from iotflow_server.stores.points import Points, Scalar
from iotflow_server.stores.store import TelemetryStore

#: A record: (device_id, timestamp).
Record = tuple[int, int]
#: Metadata of one record by key, the names' prefix and the quality flag not included.
Metadata = Mapping[str, tuple[Kind, Scalar]]
#: What a record without metadata has.
NO_METADATA: Final[Metadata] = MappingProxyType({})


class RecordFacts:
    """Metadata and quality of records."""

    def __init__(self, points: Points) -> None:
        """Take the points of metadata series."""
        self._metadata: dict[Record, dict[str, tuple[Kind, Scalar]]] = {}
        self._quality: dict[Record, int] = {}
        for series, timestamp, kind, value in points.each():
            device_id, name = points.series[series]
            self._take((device_id, timestamp), name, Kind(kind), value)

    def _take(self, record: Record, name: str, kind: Kind, value: Scalar) -> None:
        if name == QUALITY_SERIES and _is_quality(kind, value):
            self._quality[record] = int(value)
        else:
            self._metadata.setdefault(record, {})[name.removeprefix(METADATA_PREFIX)] = (kind, value)

    def metadata(self, record: Record) -> Metadata:
        """The metadata by key, without the names' prefix."""
        return self._metadata.get(record, NO_METADATA)

    def quality(self, record: Record) -> int:
        """The quality flag, 0 where it was never set."""
        return self._quality.get(record, 0)


async def find_facts(store: TelemetryStore, points: Points) -> RecordFacts | None:
    """Read the metadata and quality of the records of points; None where there are none."""
    if points.described is not None and not points.described:
        return None
    device_ids, timestamps = points.device_ids, points.timestamps
    if points.described is not None:
        described = np.isin(device_ids, list(points.described))
        device_ids, timestamps = device_ids[described], timestamps[described]
    if not len(timestamps):
        return None
    records = np.unique(np.rec.fromarrays([device_ids, timestamps]))
    return RecordFacts(Points.of(await store.metadata(records["f0"], records["f1"])))


def _is_quality(kind: Kind, value: Scalar) -> bool:
    # Another kind or size, which only older systems can have written, stays visible as metadata.
    return kind is Kind.INTEGER and -(2**31) <= int(value) < 2**31
