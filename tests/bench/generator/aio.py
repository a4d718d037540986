"""The same callers by grpc.aio, as programs in Python call; it takes more of the machine than what it calls."""

from __future__ import annotations

import asyncio
import time

import grpc

from tests.bench.records import request
from tests.bench.run import Run, cpu_seconds


class AioLoad:
    """``callers`` callers on one channel make ``count`` calls, each the next one once its last one is answered."""

    def __init__(self, address: str, method: str, count: int, callers: int) -> None:
        self._address = address
        self._method = method
        self._count = count
        self._callers = callers
        self._requests: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Build all requests, the first timestamp being ``begin``."""
        self._requests = [request(number, begin) for number in range(self._count)]

    def run(self) -> Run:
        """Make all calls; the time ends with the last answer."""
        return asyncio.run(self._run())

    def close(self) -> None:
        """Nothing is held between runs."""

    async def _run(self) -> Run:
        waiting = iter(self._requests)
        async with grpc.aio.insecure_channel(self._address) as channel:
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(self._method)

            async def caller() -> None:
                for one in waiting:
                    await call(one)

            await channel.channel_ready()
            cpu, start = cpu_seconds(), time.perf_counter()
            await asyncio.gather(*(caller() for _ in range(self._callers)))
            return Run(self._count, time.perf_counter() - start, cpu_seconds() - cpu)
