"""The limit of queries: the very statements that the service sends, bare through asyncpg, their rows thrown away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import numpy as np
import uvloop

from iotflow_server.stores.postgres.read_connections import ReadConnections
from iotflow_server.stores.postgres.reader import PointReader
from tests.bench.history import History
from tests.bench.queries import Query, queries
from tests.bench.run import Run, cpu_seconds

_PATIENCE: Final = 60.0
#: A statement and its parameters.
Statement = tuple[str, tuple[Any, ...]]


class _Recorder(ReadConnections):
    """Remembers what it is asked."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, "the limit", 1, _PATIENCE)
        self.statements: list[Statement] = []

    async def fetch(self, statement: str, *parameters: Any) -> list[asyncpg.Record]:
        self.statements.append((statement, parameters))
        return await super().fetch(statement, *parameters)


class StatementLoad:
    """As many connections as callers, set up as the service's are, do what ``count`` queries do in the database."""

    def __init__(self, dsn: str, key: str, history: History, count: int, callers: int) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._connections = ReadConnections(dsn, "the limit", callers, _PATIENCE)
        self._connections.open()
        self._callers = callers
        self._work = self._runner.run(_recorded(dsn, queries(key, history, count)))

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Run the statements of all queries."""
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

    async def _call(self, waiting: Iterator[list[Statement]], seconds: list[float]) -> None:
        for statements in waiting:
            begin = time.perf_counter()
            for statement, parameters in statements:
                await self._connections.fetch(statement, *parameters)
            seconds.append(time.perf_counter() - begin)


async def _recorded(dsn: str, wanted: list[Query]) -> list[list[Statement]]:
    recorder = _Recorder(dsn)
    recorder.open()
    found = []
    for query in wanted:
        recorder.statements = []
        await query.read(PointReader(recorder))
        found.append(recorder.statements)
    await recorder.close()
    return found
