"""Reads points: the reading half of the store's contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Timestamps
from iotflow_server.stores.closing import closing
from iotflow_server.stores.points import Points, SeriesKey
from iotflow_server.stores.postgres import read_sql
from iotflow_server.stores.postgres.catalogue import kind_of
from iotflow_server.stores.postgres.clock import EPOCH_SHIFT
from iotflow_server.stores.postgres.latest import LatestReader
from iotflow_server.stores.postgres.packed import unpack_one
from iotflow_server.stores.postgres.pager import Pager
from iotflow_server.stores.postgres.paging import Way
from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.postgres.scanner import DeviceScan
from iotflow_server.stores.selection import PointKey, Selection
from iotflow_server.stores.store import SeriesInfo


class PointReader:
    """Answers the reading half of the store's contract."""

    def __init__(self, connections: ReadConnections) -> None:
        self._connections = connections
        self._pager = Pager(connections)
        self._latest = LatestReader(connections)

    async def scan(self, selection: Selection, *, descending: bool) -> AsyncIterator[Batch]:
        """Yield the points of each device, in the order of devices.

        No connection is held between two batches: a slow reader keeps nobody else from reading.
        """
        for device_id in sorted(set(selection.device_ids)):
            scan = DeviceScan(self._connections, selection, device_id, descending=descending)
            async with closing(scan.batches()) as batches:
                async for batch in batches:
                    yield batch

    async def page(
        self, selection: Selection, *, limit: int, max_bytes: int, descending: bool, after: PointKey | None
    ) -> Points:
        """Return the first points beyond a key."""
        return await self._pager.page(selection, limit, max_bytes, Way(descending), after)

    async def latest(self, selection: Selection) -> Points:
        """Return the latest point of each series."""
        return await self._latest.latest(selection)

    async def metadata(self, device_ids: NDArray[np.int32], timestamps: Timestamps) -> Points:
        """Return the metadata of records."""
        rows = await self._connections.fetch(
            read_sql.METADATA, device_ids.tolist(), (timestamps - EPOCH_SHIFT).tolist()
        )
        found = [unpack_one(row["packed"]) for row in rows]
        values = np.empty(len(rows), object)
        values[:] = [value for _, value in found]
        return Points(
            [SeriesKey(row["device_id"], row["measurement_name"]) for row in rows],
            np.arange(len(rows)),
            np.array([row["timestamp"] + EPOCH_SHIFT for row in rows], np.int64),
            np.array([kind for kind, _ in found], np.int8),
            values,
        )

    async def list_series(self, device_ids: Sequence[int], *, count_points: bool) -> Sequence[SeriesInfo]:
        """Return the series that hold points."""
        statement = read_sql.list_series(counted=count_points)
        rows = await self._connections.fetch(statement, sorted(set(device_ids)))
        return [
            SeriesInfo(device, name, kind_of(kinds), first + EPOCH_SHIFT, last + EPOCH_SHIFT, points)
            for device, name, kinds, first, last, points in rows
        ]
