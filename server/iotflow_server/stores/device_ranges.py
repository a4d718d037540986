"""Where some points of devices are."""

from __future__ import annotations

from collections.abc import Mapping

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import TimeRange

#: Of each device a range of time.
DeviceRanges = Mapping[int, TimeRange]


def covering(one: DeviceRanges, other: DeviceRanges) -> DeviceRanges:
    """The least ranges that cover both."""
    found = dict(one)
    for device_id, span in other.items():
        known = found.get(device_id, span)
        found[device_id] = TimeRange(min(known.start, span.start), max(known.end, span.end))
    return found


def span_of(batch: Batch) -> TimeRange:
    """Where the rows of a batch are, which has some."""
    return TimeRange(int(batch.timestamps.min()), int(batch.timestamps.max()) + 1)
