"""A simulated gateway: streams, overwrites and deletes throughout, and notes what was acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from iotflow.telemetry import Columns, GatewayWriter, RejectedPoints, TelemetryClient, TelemetryError
from iotflow_server.demo.ledger import ABSENT, Key, Ledger, points_of

#: Rows that a gateway sends at once for a device, one a millisecond of the device's clock.
ROWS: Final = 10
#: Between two rounds of a gateway.
PAUSE_SECONDS: Final = 0.05
#: Within this, every write is acknowledged, whatever was killed meanwhile.
LONGEST_WAIT_SECONDS: Final = 180.0
#: A range is deleted in every so many rounds.
_ROUNDS_FOR_DELETE: Final = 50


@dataclass(frozen=True, slots=True)
class Route:
    """Where gateways send: instances of the service; since when the devices have lived; and seconds between rounds."""

    addresses: Sequence[str]
    start_us: int
    pause: float = PAUSE_SECONDS


class Gateway:
    """Streams for devices of its own until told to stop."""

    def __init__(self, route: Route, devices: Sequence[int], ledger: Ledger, spool: Path, seed: int) -> None:
        self._route = route
        self._devices = devices
        self._ledger = ledger
        self._spool = spool
        self._random = random.Random(seed)
        #: Milliseconds from sending a round to its acknowledgement, with the time at which it was sent.
        self.waits: list[tuple[float, float]] = []
        self.rejected_points = 0
        self.reconnects = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Stream; what was sent is acknowledged on return.

        :raises DeadlineExceededError: a write was not acknowledged in time.
        """
        addresses = self._random.sample(self._route.addresses, len(self._route.addresses))
        writer = GatewayWriter(
            addresses, spool=self._spool, durable=False, linger=0.0, max_backoff=0.5, on_rejection=self._rejected
        )
        async with writer:
            number = 0
            while not stopping.is_set():
                await self._round(writer, number)
                if number % _ROUNDS_FOR_DELETE == _ROUNDS_FOR_DELETE - 1:
                    await self._delete_some(number)
                number += 1
                await asyncio.sleep(self._route.pause)
        self.reconnects = writer.status.reconnects

    async def _round(self, writer: GatewayWriter, number: int) -> None:
        messages = [message for device_id in self._devices for message in self._messages(device_id, number)]
        changes = [(columns.device_id, dict(_points(columns))) for columns in messages]
        for device_id, points in changes:
            self._ledger.expect(device_id, points)
        begin = time.perf_counter()
        for columns in messages:
            await writer.write_columns(columns)
        await writer.flush(timeout=LONGEST_WAIT_SECONDS)
        self.waits.append((begin, 1000 * (time.perf_counter() - begin)))
        for device_id, points in changes:
            self._ledger.note(device_id, points)

    def _messages(self, device_id: int, number: int) -> list[Columns]:
        rows = range(number * ROWS, (number + 1) * ROWS)
        message = Columns(
            device_id,
            self._times(rows),
            {
                "temperature": [20 + (row + device_id) % 64 / 8 for row in rows],
                "uptime": list(rows),
                "state": [f"ok {row}" for row in rows],
            },
            metadata={"firmware": ["2.1"] * ROWS},
        )
        return [message, self._corrections(device_id, rows.start)] if number else [message]

    def _corrections(self, device_id: int, count: int) -> Columns:
        """New values of two of the rows that there are."""
        rows = sorted(self._random.sample(range(count), 2))
        return Columns(device_id, self._times(rows), {"temperature": [self._random.random() for _ in rows]})

    def _times(self, rows: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([self._time(row) for row in rows], np.int64)

    def _time(self, row: int) -> int:
        return self._route.start_us + 1000 * row

    async def _delete_some(self, number: int) -> None:
        device_id, first = self._random.choice(self._devices), self._random.randrange(number * ROWS)
        start, end = self._time(first), self._time(first + 5)
        gone: dict[Key, Any] = {key: ABSENT for key in self._ledger.keys(device_id) if start <= key[0] < end}
        self._ledger.expect(device_id, gone)
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            await self._delete(device_id, start, end)
        self._ledger.note(device_id, gone)

    async def _delete(self, device_id: int, start: int, end: int) -> None:
        while True:
            try:
                async with TelemetryClient(self._random.choice(self._route.addresses)) as client:
                    await client.delete(device_id, start=start, end=end)
                    return
            except TelemetryError:
                await asyncio.sleep(0.2)

    def _rejected(self, rejected: RejectedPoints) -> None:
        self.rejected_points += rejected.point_count


def _points(columns: Columns) -> Mapping[Key, Any]:
    return dict(points_of((int(one) for one in columns.timestamps), columns.columns))
