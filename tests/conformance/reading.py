"""Reads whole selections, checking the shape of what a store hands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.point_list import PointList
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import collect, exact

EVERYTHING = TimeRange()
Stores = Sequence[TelemetryStore]


class NewDevice(Protocol):
    """Names a device that nobody else writes."""

    def __call__(self, owner: int = 0) -> int:
        """``owner`` is its user by the registry, 0 for none."""


def select(
    *devices: int,
    measurements: tuple[str, ...] | None = None,
    time_range: TimeRange = EVERYTHING,
    scope: Scope = Scope.DATA,
) -> Selection:
    """A selection of devices."""
    return Selection(devices, measurements, time_range, scope)


async def read(
    store: TelemetryStore,
    *devices: int,
    measurements: tuple[str, ...] | None = None,
    time_range: TimeRange = EVERYTHING,
    scope: Scope = Scope.BOTH,
    descending: bool = False,
) -> list[Batch]:
    """Scan devices to the end."""
    selection = select(*devices, measurements=measurements, time_range=time_range, scope=scope)
    return await collect(store.scan(selection, descending=descending), descending=descending)


async def pages(engine: QueryEngine, selection: Selection, size: int, *, descending: bool) -> list[PointList]:
    """All pages of a query."""
    found: list[PointList] = []
    token = ""
    while True:
        page = await engine.page(selection, descending=descending, page_size=size, token=token)
        found.append(page.points)
        token = page.next_token
        if not token:
            return found
        assert len(page.points) == size


def facts(points: PointList) -> list[tuple[Any, int]]:
    """Metadata and quality of each point."""
    return [
        ({key: (kind, exact(kind, value)) for key, (kind, value) in metadata.items()}, quality)
        for metadata, quality in zip(points.metadata, points.quality, strict=True)
    ]
