"""A simulated fleet: gateways that stream throughout, and note what was acknowledged and how long it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from iotflow.telemetry import Acknowledgement, Columns, Sent, TelemetryClient, TelemetryError, WriteStream
from iotflow_server.demo.ledger import Ledger

#: Rows that a gateway sends at once for a device, one a millisecond of the device's clock.
ROWS: Final = 10
#: Between two rounds of a gateway.
PAUSE_SECONDS: Final = 0.05


class Fleet:
    """Gateways, each with devices of its own, all streaming until told to stop."""

    def __init__(self, address: str, gateways: Sequence[Sequence[int]], ledger: Ledger, start_us: int) -> None:
        self._address = address
        self._gateways = gateways
        self._ledger = ledger
        self._start_us = start_us
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        #: What waits are counted under; the demo sets the phase.
        self.period = ""
        #: Milliseconds from sending a message to its acknowledgement, by period.
        self.waits: dict[str, list[float]] = {}
        #: Streams that broke; their gateways went on with what was not acknowledged.
        self.broken_streams = 0

    def start(self) -> None:
        """Let all gateways stream."""
        self._tasks = [asyncio.create_task(self._gateway(devices)) for devices in self._gateways]

    async def stop(self) -> None:
        """Let each gateway finish what it has sent."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def _gateway(self, devices: Sequence[int]) -> None:
        done = 0
        async with TelemetryClient(self._address) as client:
            while not self._stopping.is_set():
                try:
                    async with client.write_stream() as stream:
                        while not self._stopping.is_set():
                            await self._round(stream, devices, done)
                            done += 1
                            await asyncio.sleep(PAUSE_SECONDS)
                except TelemetryError:
                    # The round that was not acknowledged is sent again, under the same keys.
                    self.broken_streams += 1
                    await asyncio.sleep(0.1)

    async def _round(self, stream: WriteStream, devices: Sequence[int], number: int) -> None:
        messages = [_message(device_id, self._start_us, number) for device_id in devices]
        sent = [(columns, time.perf_counter(), await stream.send(columns)) for columns in messages]
        await asyncio.gather(*(self._acknowledged(*one) for one in sent))

    async def _acknowledged(self, columns: Columns, begin: float, sent: Sent[asyncio.Future[Acknowledgement]]) -> None:
        await sent.acknowledged
        self.waits.setdefault(self.period, []).append(1000 * (time.perf_counter() - begin))
        for name, values in columns.columns.items():
            for timestamp, value in zip(columns.timestamps, values, strict=True):
                self._ledger.note(columns.device_id, name, int(timestamp), value)


def _message(device_id: int, start_us: int, number: int) -> Columns:
    rows = range(number * ROWS, (number + 1) * ROWS)
    return Columns(
        device_id,
        np.array([start_us + 1000 * row for row in rows], np.int64),
        {
            "temperature": [20 + (row + device_id) % 64 / 8 for row in rows],
            "uptime": list(rows),
            "state": [f"ok {row}" for row in rows],
        },
        metadata={"firmware": ["2.1"] * ROWS},
    )
