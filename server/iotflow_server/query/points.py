"""Points of a query's answer: cut to its page, and joined with the metadata of their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from iotflow_server.query.metadata import NO_METADATA, RecordFacts
from iotflow_server.query.results import PointList
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.points import Points
from iotflow_server.stores.selection import PointKey

_KINDS: Final = {int(kind): kind for kind in Kind}


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
    sizes = np.fromiter((len(str(points.values[index]).encode()) for index in texts.tolist()), np.int64, len(texts))
    exceeding = texts[np.cumsum(sizes) > max_bytes]
    return max(1, int(exceeding[0])) if len(exceeding) else points.point_count


def key_of(points: Points, index: int) -> PointKey:
    """The key of a point."""
    device_id, name = points.series[points.series_of[index]]
    return PointKey(int(points.timestamps[index]), device_id, name)


def listed(points: Points, facts: RecordFacts | None) -> PointList:
    """The points with the metadata and quality of their records."""
    series = [points.series[index] for index in points.series_of.tolist()]
    device_ids, timestamps = [key.device_id for key in series], points.timestamps.tolist()
    if facts is None:
        metadata, quality = [NO_METADATA] * len(series), [0] * len(series)
    else:
        records = list(zip(device_ids, timestamps, strict=True))
        metadata = [facts.metadata(record) for record in records]
        quality = [facts.quality(record) for record in records]
    return PointList(
        device_ids=device_ids,
        measurements=[key.measurement for key in series],
        timestamps=timestamps,
        kinds=[_KINDS[kind] for kind in points.kinds.tolist()],
        values=points.values,
        metadata=metadata,
        quality=quality,
    )
