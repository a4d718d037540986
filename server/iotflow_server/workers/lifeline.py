"""A worker's end of the pipes to its parent."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

from iotflow_server.workers.words import Order, Report


class Lifeline:
    """Takes orders; what the parent cannot say any more is :attr:`is_cut`."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def connected(cls) -> Lifeline:
        """Take stdin and stdout."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        return cls(reader)

    @property
    def is_cut(self) -> bool:
        """Whether the parent has died."""
        return self._reader.at_eof()

    async def order(self) -> Order:
        """Return the next order; to drain, where the parent has died."""
        line = (await self._reader.readline()).decode().strip()
        return Order(line) if line else Order.DRAIN

    def report(self, report: Report, reason: str = "") -> None:
        """Tell the parent, if it lives."""
        line = " ".join(f"{report} {reason}".split())
        with suppress(BrokenPipeError):
            os.write(sys.stdout.fileno(), f"{line}\n".encode())
