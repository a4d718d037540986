"""Cuts what a device has into slices that are compared one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from iotflow_server.migration.backfill.planner import Counted
from iotflow_server.stores.history import Extent, Part
from iotflow_server.stores.selection import TimeRange


def slices(whole: Part, extent: Extent, most: int) -> Iterator[Counted]:
    """Cut a part where its points lie, into slices of about ``most`` points; the outer ones reach to its ends, for the
    other store may have points there."""
    span, points = extent.span, extent.points
    count = -(-points // most) if span else 1
    if span is None or count < 2:
        yield Counted(whole, points)
        return
    width = max((span.end - span.start) // count, 1)
    inner = (span.start + width * number for number in range(1, count))
    for start, end in pairwise([whole.time_range.start, *inner, whole.time_range.end]):
        if start < end:
            yield Counted(Part(whole.device_id, TimeRange(start, end), whole.measurements), points // count)
