"""Reads pages: statements until the draft of a page is hungry no more."""

from __future__ import annotations

import math
from typing import Final

from iotflow_server.stores.points import Points
from iotflow_server.stores.postgres import read_sql
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.long_texts import LONGEST_PACKED, VanishedError, filled
from iotflow_server.stores.postgres.paging import PageDraft, Way
from iotflow_server.stores.postgres.partitions import next_month
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.postgres.series_block import SeriesBlock
from iotflow_server.stores.selection import PointKey, Selection, TimeRange

#: Of more devices, so many are asked first how far a page may reach.
_ASKED: Final = 3
_MANY_DEVICES: Final = 8
#: A page is taken to reach so much further, since devices are not all alike.
_ALLOWANCE: Final = 1.25


class Pager:
    """Reads the first points of a selection."""

    def __init__(self, connections: ReadConnections) -> None:
        self._connections = connections

    async def page(self, selection: Selection, limit: int, max_bytes: int, way: Way, after: PointKey | None) -> Points:
        """Return the first ``limit`` points beyond a key, in order, or fewer whose texts exceed ``max_bytes``."""
        while True:
            draft = PageDraft(way, selection.time_range, limit, max_bytes, after)
            await self._begin(draft, selection, limit, way)
            await self._complete(draft, limit, way)
            try:
                return await filled(self._connections, draft.points())
            except VanishedError:
                # Somebody has deleted a point meanwhile; without it the page would seem to be the last.
                continue

    async def _begin(self, draft: PageDraft, selection: Selection, limit: int, way: Way) -> None:
        devices, measurements = selected(selection)
        reach = await self._reach(draft, devices, measurements, limit, way)
        end, least = (draft.end, 0) if reach is None else (reach, limit)
        rows = await self._connections.fetch(
            read_sql.first_points(descending=way.descending),
            devices,
            measurements,
            *way.stored(draft.first, end),
            limit,
            least,
            LONGEST_PACKED,
        )
        if rows:
            draft.begin(SeriesBlock.of(rows), rows[0]["share"], end, rows[0]["described"])

    async def _complete(self, draft: PageDraft, limit: int, way: Way) -> None:
        statement, more = read_sql.more_points(descending=way.descending), 1
        while True:
            series, firsts, end = draft.hungry()
            if not series:
                return
            share = more * (limit // len(series) + 2)
            bounds = [way.stored(first, end) for first in firsts.tolist()]
            rows = await self._connections.fetch(
                statement,
                [key.device_id for key in series],
                [key.measurement for key in series],
                [start for start, _ in bounds],
                [stop for _, stop in bounds],
                share,
                LONGEST_PACKED,
            )
            draft.take(SeriesBlock.of(rows), share, end)
            more *= 2

    async def _reach(
        self, draft: PageDraft, devices: list[int], measurements: list[str] | None, limit: int, way: Way
    ) -> int | None:
        """Where a page of many devices is likely to end. To know it spares reading a share of each series.

        Nor is any series looked for in months ahead that are empty. What is written there from now on is written after
        this read has begun.
        """
        if len(devices) < _MANY_DEVICES:
            return None
        asked = devices[:: len(devices) // _ASKED][:_ASKED]
        number = math.ceil(_ALLOWANCE * limit * len(asked) / len(devices))
        ahead = next_month()
        rows = await self._connections.fetch(
            read_sql.pace(descending=way.descending),
            asked,
            measurements,
            *way.stored(draft.first, draft.end),
            number,
            ahead - EPOCH_SHIFT,
        )
        if not rows:
            return None
        if rows[0]["none_from_6"]:
            draft.narrow(TimeRange(end=ahead))
        timestamp: int = rows[0][0] + EPOCH_SHIFT
        return (-timestamp if way.descending else timestamp) + 1


def selected(selection: Selection) -> tuple[list[int], list[str] | None]:
    """Devices and measurements as statements take them."""
    measurements = None if selection.measurements is None else list(selection.measurements)
    return sorted(set(selection.device_ids)), measurements
