"""Reads the latest points, those of several questions by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Final

import numpy as np

from iotflow_server.stores.points import Points
from iotflow_server.stores.postgres import read_sql
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.group_read import GroupRead
from iotflow_server.stores.postgres.pager import selected
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.postgres.series_block import SeriesBlock
from iotflow_server.stores.selection import Selection, TimeRange

_NOWHERE: Final = slice(0, 0)
_ALWAYS: Final = TimeRange()
#: Questions about more devices are asked alone, lest others wait for them.
_FEW_DEVICES: Final = 16


class LatestReader:
    """Answers what the latest points are."""

    def __init__(self, connections: ReadConnections) -> None:
        self._connections = connections
        self._together = GroupRead(self._of_all)

    async def latest(self, selection: Selection) -> Points:
        """Return the latest point of each series."""
        devices, measurements = selected(selection)
        if measurements is None and selection.time_range == _ALWAYS and len(devices) <= _FEW_DEVICES:
            return await self._together.ask(devices)
        return await self._read(devices, measurements, selection.time_range)

    async def _of_all(self, asked: Sequence[list[int]]) -> list[Points]:
        """All latest points of devices that are asked for by several."""
        if len(asked) == 1:
            return [await self._read(asked[0], None, _ALWAYS)]
        points = await self._read(sorted({device for devices in asked for device in devices}), None, _ALWAYS)
        places = _places(points)
        return [_part(points, devices, places) for devices in asked]

    async def _read(self, devices: list[int], measurements: list[str] | None, time_range: TimeRange) -> Points:
        bounds = _bounds(time_range)
        statement = read_sql.latest(bounded=bool(bounds))
        rows = await self._connections.fetch(statement, devices, measurements, *bounds)
        return _by_series(SeriesBlock.of(rows).points(rows[0]["described"] if rows else None))


def _by_series(points: Points) -> Points:
    """Points of which every series has one, in the order of series."""
    order = sorted(range(len(points.series)), key=points.series.__getitem__)
    if order == list(range(len(order))):
        return points
    series_of, found = points.series_of, points.chosen(np.array(order))
    return replace(found, series=[points.series[place] for place in order], series_of=series_of)


def _places(points: Points) -> dict[int, slice]:
    """Where the points of each device are: side by side, since they are in the order of series."""
    places: dict[int, slice] = {}
    first = 0
    for device_id, keys in groupby(points.series, itemgetter(0)):
        last = first + len(list(keys))
        places[device_id], first = slice(first, last), last
    return places


def _part(points: Points, devices: Sequence[int], places: dict[int, slice]) -> Points:
    """Those of some devices; every series has one point, in the order of series."""
    if len(devices) == 1:
        # A look at a part of each array costs a tenth of a copy of what it has in given places.
        return _at(points, places.get(devices[0], _NOWHERE), devices)
    own = [place for device in devices for place in range(*places.get(device, _NOWHERE).indices(len(points.series)))]
    return _at(points, own, devices)


def _at(points: Points, own: slice | list[int], devices: Sequence[int]) -> Points:
    series = points.series[own] if isinstance(own, slice) else [points.series[place] for place in own]
    assert points.described is not None
    return Points(
        series,
        points.series_of[: len(series)],
        points.timestamps[own],
        points.kinds[own],
        points.values[own],
        points.described and points.described.intersection(devices),
    )


def _bounds(time_range: TimeRange) -> tuple[int, ...]:
    """The bounds as a statement takes them, none where the range is not bounded."""
    return () if time_range == _ALWAYS else (time_range.start - EPOCH_SHIFT, time_range.end - EPOCH_SHIFT)
