"""A simulated fleet: its gateways, and readers that check every answer against the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from iotflow_server.demo.gateway import Gateway
from iotflow_server.demo.reader import Reader


class Fleet:
    """Gateways, each with devices of its own, and readers, all at work until told to stop."""

    def __init__(self, gateways: Sequence[Gateway], readers: Sequence[Reader]) -> None:
        self.gateways = gateways
        self.readers = readers
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let all begin."""
        running = [
            *(each.run(self._stopping) for each in self.gateways),
            *(each.run(self._stopping) for each in self.readers),
        ]
        self._tasks = [asyncio.create_task(each) for each in running]

    async def stop(self) -> None:
        """Let each finish what it has begun.

        :raises DeadlineExceededError: a write was not acknowledged in time.
        """
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    def check(self) -> None:
        """Raise what has ended one of them, if anything has."""
        for task in self._tasks:
            if task.done():
                task.result()

    @property
    def is_clean(self) -> bool:
        """Whether no reader missed anything and no point was rejected."""
        is_read = all(reader.verdict.is_clean for reader in self.readers)
        return is_read and not any(gateway.rejected_points for gateway in self.gateways)
