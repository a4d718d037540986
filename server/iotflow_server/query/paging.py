"""One page of a query, from what a store yields to the token of the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iotflow_server.query.metadata import find_facts
from iotflow_server.query.point_list import PointList
from iotflow_server.query.points import fitting, in_time, key_of
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.timestamp_limit import TimestampLimit
from iotflow_server.query.tokens import Place
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore

#: Points that a page looks at where not all of them may be wanted.
_MOST_LOOKED_AT = 10_000


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Points in the order (timestamp, device_id, measurement), turned round if ``descending``, of records of a
    ``quality``; at most ``size``, and at ``max_timestamps`` distinct timestamps over all pages."""

    size: int
    descending: bool
    quality: QualityFlags = None
    max_timestamps: int | None = None

    @property
    def looked_at(self) -> int:
        """Points that are read for a page."""
        return self.size if self.quality is None else max(self.size, _MOST_LOOKED_AT)

    @property
    def limit(self) -> TimestampLimit | None:
        """The limit that the first page has."""
        return None if self.max_timestamps is None else TimestampLimit(self.max_timestamps)


async def read_page(
    store: TelemetryStore, selection: Selection, query: PageQuery, after: Place | None, max_bytes: int
) -> tuple[PointList, Place | None]:
    """Read the page that follows a place, and the place where it ends; None where it is the last.

    It ends early where its texts exceed ``max_bytes``, or too few of many points are of the quality.
    """
    key, limit = (None, query.limit) if after is None else (after.key, after.limit)
    found = in_time(
        await store.page(
            selection, limit=query.looked_at + 1, max_bytes=max_bytes, descending=query.descending, after=key
        ),
        descending=query.descending,
    )
    looked_at = found.first(min(query.looked_at, fitting(found, max_bytes)))
    is_last = looked_at.point_count == found.point_count
    facts = await find_facts(store, looked_at)
    if query.quality is None and limit is None:
        return PointList(looked_at, facts), None if is_last else Place(key_of(looked_at, -1))
    chosen = np.arange(looked_at.point_count)
    if query.quality is not None:
        flags = [0] * len(chosen) if facts is None else PointList(looked_at, facts).quality
        chosen = np.flatnonzero(np.isin(flags, list(query.quality)))
    if limit is not None and (within := limit.fitting(looked_at.timestamps[chosen])) < len(chosen):
        chosen, is_last = chosen[:within], True
    points = looked_at if len(chosen) == looked_at.point_count <= query.size else looked_at.chosen(chosen[: query.size])
    if limit is not None:
        limit = limit.after(points.timestamps)
        is_last = is_last or not limit.fitting(found.timestamps[looked_at.point_count :][:1])
    if len(chosen) > query.size:
        return PointList(points, facts), Place(key_of(points, -1), limit)
    return PointList(points, facts), None if is_last else Place(key_of(looked_at, -1), limit)
