"""A store whose calls are timed; what is not a call passes through."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from iotflow_server.observability.timing import Timing
from iotflow_server.stores.batch import Batch, Timestamps
from iotflow_server.stores.device_ranges import DeviceRanges
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.rollups import RollupReader
from iotflow_server.stores.selection import PointKey, Selection
from iotflow_server.stores.store import Amendment, SeriesInfo, SeriesType, TelemetryStore

#: Times a block as one operation ("write", "page", ...) of a store.
Timer = Callable[[StoreName, str], AbstractContextManager[Timing]]
#: Is told how many points a write has brought to a store.
PointCounter = Callable[[StoreName, int], None]


class ObservedStore:
    """Implements :class:`stores.store.TelemetryStore` by another store, timing each call."""

    def __init__(self, store: TelemetryStore, timer: Timer, count: PointCounter) -> None:
        self._store = store
        self._timer = timer
        self._count = count

    @property
    def name(self) -> StoreName:
        """Which store this is."""
        return self._store.name

    @property
    def rollups(self) -> RollupReader | None:
        """Figures that it keeps beside points."""
        return self._store.rollups

    async def open(self) -> None:
        """Connect and make ready."""
        await self._store.open()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._store.close()

    async def ping(self) -> None:
        """Return if the store answers now."""
        await self._store.ping()

    async def write(
        self, batches: Sequence[Batch], permission: Permission | None = None, *, tells_young: bool = True
    ) -> DeviceRanges:
        """Store batches."""
        frame, waited = Frame.of(batches), 0.0 if permission is None else permission.waited
        with self._timer(self.name, "write") as timing:
            try:
                replaced = await self._store.write(frame, permission, tells_young=tells_young)
            finally:
                timing.idle = 0.0 if permission is None else permission.waited - waited
        self._count(self.name, frame.value_count)
        return replaced

    async def scan(self, selection: Selection, *, descending: bool = False) -> AsyncIterator[Batch]:
        """Yield all points of a selection; timed up to its end."""
        with self._timer(self.name, "scan"):
            async for batch in self._store.scan(selection, descending=descending):
                yield batch

    async def page(
        self,
        selection: Selection,
        *,
        limit: int,
        max_bytes: int = sys.maxsize,
        descending: bool = False,
        after: PointKey | None = None,
    ) -> Sequence[Batch]:
        """Return the first points in order."""
        with self._timer(self.name, "page"):
            return await self._store.page(
                selection, limit=limit, max_bytes=max_bytes, descending=descending, after=after
            )

    async def latest(self, selection: Selection) -> Sequence[Batch]:
        """Return the latest point of each series."""
        with self._timer(self.name, "latest"):
            return await self._store.latest(selection)

    async def metadata(self, device_ids: NDArray[np.int32], timestamps: Timestamps) -> Sequence[Batch]:
        """Return the metadata of records."""
        with self._timer(self.name, "metadata"):
            return await self._store.metadata(device_ids, timestamps)

    async def delete(self, selection: Selection) -> None:
        """Delete the points of a selection."""
        with self._timer(self.name, "delete"):
            await self._store.delete(selection)

    async def mark(self) -> str:
        """Return a mark of now."""
        return await self._store.mark()

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Make points what they should be."""
        with self._timer(self.name, "amend"):
            return await self._store.amend(amendment, mark)

    async def list_series(self, device_ids: Sequence[int], *, count_points: bool = False) -> Sequence[SeriesInfo]:
        """Return the series that hold points."""
        with self._timer(self.name, "list_series"):
            return await self._store.list_series(device_ids, count_points=count_points)

    async def series_types(self, device_id: int) -> Mapping[str, SeriesType]:
        """Return the types of the series of a device."""
        return await self._store.series_types(device_id)

    async def list_devices(self) -> Sequence[tuple[int, int]]:
        """Return every device with its owner."""
        return await self._store.list_devices()
