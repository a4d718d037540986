"""Finds the metadata and quality of records whose points a query returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.results import Metadata, Scalar
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Batch, Column, Kind, Timestamps
from iotflow_server.stores.closing import closing
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore

#: A record: (device_id, timestamp).
Record = tuple[int, int]
#: Scans that one call may make to skip long stretches between its points. The latest points of a device's series
#: may lie years apart, with much metadata between them.
MAX_SPANS: Final = 8
#: A stretch is skipped where it is longer than this many microseconds and, of many, this many times the usual one.
_WORTH_US: Final = 60_000_000
_WORTH_RATIO: Final = 10.0
_NO_METADATA: Final[Metadata] = MappingProxyType({})


class RecordFacts:
    """Metadata and quality of records."""

    def __init__(self) -> None:
        self._metadata: dict[Record, dict[str, tuple[Kind, Scalar]]] = {}
        self._quality: dict[Record, int] = {}

    def metadata(self, record: Record) -> Metadata:
        """The metadata by key, without the names' prefix."""
        return self._metadata.get(record, _NO_METADATA)

    def quality(self, record: Record) -> int:
        """The quality flag, 0 where it was never set."""
        return self._quality.get(record, 0)

    def take(self, batch: Batch, wanted: Timestamps) -> None:
        """Take what a batch says of the wanted moments of its device."""
        for column in batch.columns:
            moments = column.timestamps(batch.timestamps)
            chosen = np.isin(moments, wanted)
            if chosen.any():
                self._take(batch.device_id, column, moments[chosen].tolist(), column.values[chosen].tolist())

    def _take(self, device_id: int, column: Column, moments: list[int], values: list[Scalar]) -> None:
        key = column.name.removeprefix(METADATA_PREFIX)
        for moment, value in zip(moments, values, strict=True):
            record = (device_id, moment)
            if column.name == QUALITY_SERIES and _is_quality(column.kind, value):
                self._quality[record] = int(value)
            else:
                self._metadata.setdefault(record, {})[key] = (column.kind, value)


async def find_facts(store: TelemetryStore, device_ids: NDArray[np.int32], timestamps: Timestamps) -> RecordFacts:
    """Read the metadata and quality of the records of points, given as two arrays of one length."""
    facts = RecordFacts()
    wanted = _wanted(device_ids, timestamps)
    for span in spans(timestamps):
        inside = np.unique(device_ids[(timestamps >= span.start) & (timestamps < span.end)])
        selection = Selection(tuple(inside.tolist()), None, span, Scope.METADATA)
        async with closing(store.scan(selection)) as batches:
            async for batch in batches:
                facts.take(batch, wanted[batch.device_id])
    return facts


def spans(timestamps: Timestamps, limit: int = MAX_SPANS) -> Iterator[TimeRange]:
    """At most ``limit`` ranges that cover all timestamps and leave out the longest stretches between them."""
    moments = np.unique(timestamps)
    if not len(moments):
        return
    for part in np.split(moments, _longest_gaps(np.diff(moments), limit - 1) + 1):
        yield TimeRange(int(part[0]), int(part[-1]) + 1)


def _longest_gaps(gaps: NDArray[np.int64], limit: int) -> NDArray[np.intp]:
    """Indices of the gaps worth a scan of their own, ascending."""
    usual = float(np.median(gaps)) if len(gaps) > limit else 0.0
    worth = np.flatnonzero(gaps > max(_WORTH_US, _WORTH_RATIO * usual))
    longest = worth[np.argsort(gaps[worth], kind="stable")[::-1][:limit]]
    return np.sort(longest)


def _wanted(device_ids: NDArray[np.int32], timestamps: Timestamps) -> Mapping[int, Timestamps]:
    return {int(device_id): np.unique(timestamps[device_ids == device_id]) for device_id in np.unique(device_ids)}


def _is_quality(kind: Kind, value: Scalar) -> bool:
    # Another kind or size, which only older systems can have written, stays visible as metadata.
    return kind is Kind.INTEGER and -(2**31) <= int(value) < 2**31
