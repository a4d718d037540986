"""Carries a history to a store without a job: where the origin does not run, nobody else changes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from iotflow_server.migration.backfill.isolating import RefusedPoint, fill_apart
from iotflow_server.migration.backfill.joining import joined, values_of
from iotflow_server.migration.backfill.read_ahead import read_ahead
from iotflow_server.migration.backfill.target import Filling, Target
from iotflow_server.migration.jobs.pacing import PointLimit
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.history import History, HistoryFault, HistoryPage, Part
from iotflow_server.stores.selection import TimeRange

#: Told of the device that was done, and of the points so far.
Show = Callable[[int, int], None]


@dataclass(slots=True)
class Carried:
    """Points gone through, what came up among them, and those that the store does not take."""

    points: int = 0
    faults: list[HistoryFault] = field(default_factory=list)
    refused: list[RefusedPoint] = field(default_factory=list)


async def carry(
    history: History, devices: Iterable[int], target: Target, show: Show, points_per_second: int | None = None
) -> Carried:
    """Fill in what is missing, device by device; what is there stays as it is. To do it again is harmless."""
    result, limit = Carried(), PointLimit()
    limit.rate = points_per_second
    for device in devices:
        part = Part(device, TimeRange())
        result.faults += (await history.extent(part)).faults
        async with target.filling({device}) as filling, closing(joined(read_ahead(history.pages(part)))) as pages:
            async for some in pages:
                limit.take(await _fill(filling, some, result))
                await asyncio.sleep(limit.seconds_to_wait)
        show(device, result.points)
    return result


async def batches(history: History, devices: Iterable[int]) -> AsyncIterator[Batch]:
    """All points of devices."""
    for device in devices:
        async with closing(history.pages(Part(device, TimeRange()))) as pages:
            async for page in pages:
                yield page.batch


async def _fill(filling: Filling, pages: list[HistoryPage], result: Carried) -> int:
    """Fill in pages; return their points."""
    result.faults += (fault for page in pages for fault in page.faults)
    points = sum(values_of(page.batch) for page in pages)
    result.points += points
    try:
        await filling.fill([page.batch for page in pages])
    except StoreRefusedError:
        for page in pages:
            result.refused += (await fill_apart(filling, page.batch)).refused
    return points
