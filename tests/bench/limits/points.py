"""What aggregates are compared with: the same ones, computed of points by a process without a service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import numpy as np
import uvloop

from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.postgres.reader import PointReader
from tests.bench.history import History
from tests.bench.queries import Query, queries
from tests.bench.run import Run, cpu_seconds

_PATIENCE = 60.0


class PointsLoad:
    """As many tasks as callers compute ``count`` queries of points."""

    def __init__(self, dsn: str, key: str, history: History, count: int, callers: int) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._connections = ReadConnections(dsn, "the limit", callers, _PATIENCE)
        self._connections.open()
        self._callers = callers
        self._work = queries(key, history, count)

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Compute all."""
        return self._runner.run(self._run())

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self._connections.close())
        self._runner.close()

    async def _run(self) -> Run:
        cpu, start = cpu_seconds(), time.perf_counter()
        waiting, seconds = iter(self._work), list[float]()
        await asyncio.gather(*(self._call(waiting, seconds) for _ in range(self._callers)))
        p50, p95, p99 = (np.percentile(seconds, [50, 95, 99]) * 1000).tolist()
        figures = {"p50": p50, "p95": p95, "p99": p99}
        return Run(len(seconds), time.perf_counter() - start, cpu_seconds() - cpu, figures)

    async def _call(self, waiting: Iterator[Query], seconds: list[float]) -> None:
        for query in waiting:
            begin = time.perf_counter()
            await query.read(PointReader(self._connections))
            seconds.append(time.perf_counter() - begin)
