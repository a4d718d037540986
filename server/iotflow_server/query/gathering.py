"""Gathers all that a scan yields of a device, within bounds of memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from iotflow_server.query.errors import QueryTooLargeError
from iotflow_server.stores.batch import Batch

#: Memory that goes with each point allowed: long texts count as several points.
_BYTES_PER_POINT: Final = 128


async def by_device(batches: AsyncIterator[Batch], max_points: int) -> AsyncIterator[list[Batch]]:
    """Yield the batches of one device after the other.

    :raises QueryTooLargeError: a device has more points than that, or its texts take too much memory.
    """
    gathered: list[Batch] = []
    points = size = 0
    async for batch in batches:
        if gathered and gathered[0].device_id != batch.device_id:
            yield gathered
            gathered, points, size = [], 0, 0
        gathered.append(batch)
        points += batch.point_count
        size += batch.nbytes
        if points > max_points:
            raise _too_much(batch.device_id, f"{max_points} points")
        if size > max_points * _BYTES_PER_POINT:
            raise _too_much(batch.device_id, f"{max_points * _BYTES_PER_POINT} bytes")
    if gathered:
        yield gathered


def _too_much(device_id: int, limit: str) -> QueryTooLargeError:
    return QueryTooLargeError(
        f"the query would hold more than {limit} of device {device_id} (IOTFLOW_MAX_AGGREGATE_POINTS): "
        "narrow the range, name fewer measurements at a time, or read the points themselves with QueryTelemetryStream"
    )
