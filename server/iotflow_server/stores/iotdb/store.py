"""The TelemetryStore on Apache IoTDB."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.batch import Batch, Timestamps, is_metadata
from iotflow_server.stores.device_ranges import DeviceRanges
from iotflow_server.stores.iotdb.clock import Clock
from iotflow_server.stores.iotdb.deleting import delete_points
from iotflow_server.stores.iotdb.names import DevicePlace, Layout
from iotflow_server.stores.iotdb.paging import first_points
from iotflow_server.stores.iotdb.reading import MOST_ROWS, DeviceScan, Plan, make_plan
from iotflow_server.stores.iotdb.schema import SchemaCache, by_precedence, load_places, merged_types
from iotflow_server.stores.iotdb.schema_lookup import SchemaLookup
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.sessions import Sessions
from iotflow_server.stores.iotdb.summary import latest_points, series_infos
from iotflow_server.stores.iotdb.writing import Writer
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.records import scan_metadata
from iotflow_server.stores.selection import PointKey, Scope, Selection, TimeRange
from iotflow_server.stores.store import Amendment, OwnerLookup, SeriesInfo, SeriesType

_Result = TypeVar("_Result")


class IotdbStore:
    """Implements :class:`stores.store.TelemetryStore`.

    Points of a device are read from wherever they stand: under its user, under other users, in the older layout.
    Where places hold the same point, that one is valid whose place writes go to (the owner's by the registry, the
    older layout for a device without one); then that of the lowest user; then that of the older layout.

    How durable an acknowledged write is, is a matter of IoTDB's setting wal_mode: in the default, ASYNC, a crash
    of IoTDB may lose the last moments; in SYNC it does not.
    """

    def __init__(self, settings: IotdbSettings, owner_of: OwnerLookup) -> None:
        """:raises ValueError: the settings' database is not a path under root."""
        self._layout = Layout(settings.database)
        self._owner_of = owner_of
        self._sessions = Sessions(settings)
        schemas = SchemaCache()
        self._schemas = SchemaLookup(self._sessions, self._layout, schemas)
        self._writer = Writer(self._layout, schemas, owner_of)
        self._parallel = max(1, settings.pool_size // 2)

    @property
    def name(self) -> StoreName:
        """Which store this is."""
        return StoreName.IOTDB

    @property
    def rollups(self) -> None:
        """It keeps no figures."""
        return None

    async def open(self) -> None:
        """Connect; the older system's data stay as they are, and series are made by the first write.

        :raises StoreRefusedError: the server's timestamp_precision is not ms or us.
        """
        await self._sessions.run(lambda session: Clock.of(session.precision))

    async def close(self) -> None:
        """Let go of all connections."""
        await self._schemas.stop()
        self._sessions.close()

    async def ping(self) -> None:
        """Return if IoTDB answers now."""
        await self._sessions.run(lambda session: session.query("SHOW VERSION"))

    async def write(
        self, batches: Sequence[Batch], permission: Permission | None = None, *, tells_young: bool = True
    ) -> DeviceRanges:
        """Store batches. Which points are replaced, IoTDB does not tell; and what it has taken is seen at once.

        :raises StoreRefusedError: a series is of another type, or IoTDB refuses a name, time or value.
        """
        if permission is not None:
            await permission.wait()
        if batches:
            await self._sessions.run(lambda session: self._writer.write(session, batches))
        return {}

    async def mark(self) -> str:
        """IoTDB does not know when a point was written."""
        return ""

    async def amend(self, amendment: Amendment, mark: str) -> bool:
        """Write and delete as if nobody else did; the caller compares again.

        All between the first and the last wrong point is deleted at once, and what belongs there written again: to
        delete one by one takes IoTDB far too long.
        """
        if amendment.wrong is not None:
            await self.delete(_span_of(amendment.wrong))
        right = amendment.right if amendment.wrong is None else amendment.whole
        if right is not None:
            await self.write([right])
        return False

    async def scan(self, selection: Selection, *, descending: bool = False) -> AsyncIterator[Batch]:
        """Yield all points of a selection; each batch is read at the time it is asked for."""
        for device_id in _devices(selection.device_ids):
            scan = self._scan(device_id, selection, descending=descending)
            while not scan.finished:
                batch = await self._sessions.read(scan.next_batch)
                if batch is not None:
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
        """Return the first ``limit`` data points in order, whatever their size."""
        page: list[Batch] = []
        bounded = _beyond(selection, after, descending=descending)
        for some in _groups(_devices(selection.device_ids), self._parallel):
            reads = (self._first(device, bounded, limit, descending=descending, after=after) for device in some)
            found = [batch for batches in await asyncio.gather(*reads) for batch in batches]
            page, bound = first_points([*page, *found], limit, descending=descending, after=after)
            bounded = _up_to(bounded, bound, descending=descending)
        return page

    async def latest(self, selection: Selection) -> Sequence[Batch]:
        """Return the latest point of each selected data series."""
        return [found for found in await self._each(selection, latest_points) if found is not None]

    async def metadata(self, device_ids: NDArray[np.int32], timestamps: Timestamps) -> Sequence[Batch]:
        """Return the metadata of records."""
        return await scan_metadata(self.scan, device_ids, timestamps)

    async def delete(self, selection: Selection) -> None:
        """Delete the points of a selection, wherever they stand."""
        await self._each(selection, delete_points, changes=True)

    async def list_series(self, device_ids: Sequence[int], *, count_points: bool = False) -> Sequence[SeriesInfo]:
        """Return the data series that hold points. A series told by content has the kind of its latest value."""
        found = await self._each(Selection(tuple(device_ids)), _counted if count_points else _infos)
        infos = [info for each in found for info in each]
        return [await self._counted(info) for info in infos] if count_points else infos

    async def series_types(self, device_id: int) -> Mapping[str, SeriesType]:
        """Return the types of a device's series; of a name that has several, the one that writes go to.

        What is known is at most an hour old.
        """
        return merged_types(await self._schemas.schema(device_id), self._owner_of(device_id))

    async def list_devices(self) -> Sequence[tuple[int, int]]:
        """Return each device with its user: the owner by the registry if it stands there, else the lowest user."""
        places = await self._sessions.read(lambda session: load_places(session, self._layout))
        users: dict[int, int] = {}
        for device_id, own in groupby(sorted(places, key=_device_of), key=_device_of):
            # A device that the registry does not know yet is its user's, also where it stands in both layouts.
            users[device_id] = by_precedence(own, self._owner_of(device_id) or -1)[0].user_id
        return list(users.items())

    async def _counted(self, info: SeriesInfo) -> SeriesInfo:
        if info.point_count is not None:
            return info
        batches = self.scan(Selection((info.device_id,), (info.measurement,)))
        return replace(info, point_count=sum([batch.point_count async for batch in batches]))

    def _scan(self, device_id: int, selection: Selection, *, descending: bool, rows: int = MOST_ROWS) -> DeviceScan:
        return DeviceScan(
            self._layout, device_id, self._owner_of(device_id), selection, descending=descending, rows=rows
        )

    async def _first(
        self, device_id: int, selection: Selection, limit: int, *, descending: bool, after: PointKey | None
    ) -> list[Batch]:
        """The first ``limit`` points of one device that are beyond ``after``."""
        scan = self._scan(device_id, selection, descending=descending, rows=limit + 1)
        found: list[Batch] = []
        bound = None
        while not scan.finished and bound is None:
            batch = await self._sessions.read(scan.next_batch)
            if batch is not None:
                found, bound = first_points([*found, batch], limit, descending=descending, after=after)
        return found

    async def _each(
        self, selection: Selection, work: Callable[[Session, Plan], _Result], *, changes: bool = False
    ) -> list[_Result]:
        """Do work for each device that has selected series, a few at a time; devices ascend."""
        run = self._sessions.run if changes else self._sessions.read
        found: list[_Result] = []
        for some in _groups(_devices(selection.device_ids), self._parallel):
            for results in await asyncio.gather(*(run(self._planned(device, selection, work)) for device in some)):
                found += results
        return found

    def _planned(
        self, device_id: int, selection: Selection, work: Callable[[Session, Plan], _Result]
    ) -> Callable[[Session], list[_Result]]:
        owner = self._owner_of(device_id)

        def run(session: Session) -> list[_Result]:
            plan = make_plan(session, self._layout, device_id, owner, selection)
            return [] if plan is None else [work(session, plan)]

        return run


def _span_of(batch: Batch) -> Selection:
    span = TimeRange(int(batch.timestamps.min()), int(batch.timestamps.max()) + 1)
    data = tuple(sorted({column.name for column in batch.columns if not is_metadata(column.name)}))
    if not data:
        return Selection((batch.device_id,), None, span, Scope.METADATA)
    has_metadata = any(is_metadata(column.name) for column in batch.columns)
    return Selection((batch.device_id,), data, span, Scope.BOTH if has_metadata else Scope.DATA)


def _infos(session: Session, plan: Plan) -> list[SeriesInfo]:
    return list(series_infos(session, plan, count_points=False))


def _counted(session: Session, plan: Plan) -> list[SeriesInfo]:
    return list(series_infos(session, plan, count_points=True))


def _device_of(place: DevicePlace) -> int:
    return place.device_id


def _devices(device_ids: Iterable[int]) -> list[int]:
    return sorted(set(device_ids))


def _groups(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]


def _beyond(selection: Selection, after: PointKey | None, *, descending: bool) -> Selection:
    if after is None:
        return selection
    start, end = selection.time_range.start, selection.time_range.end
    if descending:
        return replace(selection, time_range=TimeRange(start, min(end, after.timestamp + 1)))
    return replace(selection, time_range=TimeRange(max(start, after.timestamp), end))


def _up_to(selection: Selection, bound: int | None, *, descending: bool) -> Selection:
    """Leave out what lies behind the last point of a full page."""
    if bound is None:
        return selection
    start, end = selection.time_range.start, selection.time_range.end
    if descending:
        return replace(selection, time_range=TimeRange(max(start, bound), end))
    return replace(selection, time_range=TimeRange(start, min(end, bound + 1)))
