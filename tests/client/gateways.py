"""What tests of the GatewayWriter share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from iotflow.telemetry import TelemetryClient

#: A moment from which tests count, in microseconds since 1970.
START = 1_767_225_600_000_000
#: Nobody listens there.
NOWHERE = "127.0.0.1:9"


async def eventually(is_so: Callable[[], bool]) -> None:
    """Return once it is so; the test's own timeout is the limit."""
    while not is_so():  # noqa: ASYNC110  # nothing tells of it by itself
        await asyncio.sleep(0.01)


async def stored(address: str, device_id: int, name: str = "x") -> dict[int, object]:
    """The values of a series by their microseconds since START."""
    async with TelemetryClient(address) as client:
        series = await client.query_columns(device_ids=[device_id], measurements=[name])
    found = series[device_id, name]
    moments = (found.timestamps.astype("int64") - START).tolist()
    return dict(zip(moments, found.values.tolist(), strict=True))
