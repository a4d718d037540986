"""Points of a query's answer, in its order and cut to its page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.points import Points
from iotflow_server.stores.selection import PointKey


def in_time(batches: Sequence[Batch], *, descending: bool) -> Points:
    """The points of a page in their order."""
    if isinstance(batches, Points):
        return batches
    points = Points.of(batches)
    return points.chosen(points.in_time(descending=descending))


def by_series(batches: Sequence[Batch]) -> Points:
    """The latest points in their order."""
    if isinstance(batches, Points):
        return batches
    points = Points.of(batches)
    return points.chosen(points.by_series())


def fitting(points: Points, max_bytes: int) -> int:
    """How many of the first points hold no more than so many bytes of text together; one at least."""
    texts = points.texts
    if not len(texts):
        return points.point_count
    sizes = np.fromiter((len(str(points.values[index]).encode()) for index in texts.tolist()), np.int64, len(texts))
    exceeding = texts[np.cumsum(sizes) > max_bytes]
    return max(1, int(exceeding[0])) if len(exceeding) else points.point_count


def key_of(points: Points, index: int) -> PointKey:
    """The key of a point."""
    device_id, name = points.series[points.series_of[index]]
    return PointKey(int(points.timestamps[index]), device_id, name)
