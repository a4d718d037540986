"""Reads the texts that a statement has left out for their length, once it is known which of them are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import Points, Scalar, SeriesKey
from iotflow_server.stores.postgres import read_sql
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.gathering import table_of
from iotflow_server.stores.postgres.packed import LongText, unpack_one
from iotflow_server.stores.postgres.read_connections import ReadConnections

#: Longer texts, in bytes, are left out at first: nobody knows how many of them there are.
LONGEST_PACKED: Final = 256


class VanishedError(Exception):
    """A point is there no more."""


async def read_values(
    connections: ReadConnections, points: Sequence[tuple[SeriesKey, int]]
) -> list[tuple[Kind, Scalar] | None]:
    """The kinds and values of points (series, timestamp) as they are now; None for those that are not there."""
    found: list[tuple[Kind, Scalar] | None] = [None] * len(points)
    for table in sorted({table_of(series.measurement) for series, _ in points}):
        own = [index for index, (series, _) in enumerate(points) if table_of(series.measurement) == table]
        rows = await connections.fetch(
            read_sql.values_at(table),
            [points[index][0].device_id for index in own],
            [points[index][0].measurement for index in own],
            [points[index][1] - EPOCH_SHIFT for index in own],
        )
        for number, packed in rows:
            found[own[number - 1]] = unpack_one(packed)
    return found


async def filled(connections: ReadConnections, points: Points) -> Points:
    """The points with every text.

    :raises VanishedError: one of those left out was deleted.
    """
    missing = [index for index in points.texts.tolist() if isinstance(points.values[index], LongText)]
    if not missing:
        return points
    keys = [(points.series[points.series_of[index]], int(points.timestamps[index])) for index in missing]
    kinds, values = points.kinds.copy(), points.values.copy()
    for index, found in zip(missing, await read_values(connections, keys), strict=True):
        if found is None:
            raise VanishedError
        kinds[index], values[index] = found
    return replace(points, kinds=kinds, values=values)
