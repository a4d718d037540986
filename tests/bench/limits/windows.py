"""The limit of aggregates: the same of the points by SQL, bare through asyncpg, its rows thrown away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import asyncpg
import numpy as np
import uvloop

from tests.bench.history import History
from tests.bench.queries import Aggregate, aggregates
from tests.bench.run import Run, cpu_seconds

#: A codec in C takes microseconds since 2000, as the service has it.
_SHIFT: Final = 946_684_800_000_000
_MEANS: Final = """
SELECT device_id, date_bin($5, timestamp, 'epoch') AS begins, avg(numeric_value) FROM telemetry_data
WHERE device_id = ANY ($1::integer[]) AND measurement_name = $2 AND timestamp >= $3 AND timestamp < $4
GROUP BY device_id, begins
"""


class WindowsLoad:
    """As many connections as callers compute the means of ``count`` questions."""

    def __init__(self, dsn: str, key: str, history: History, count: int, callers: int) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._connections = [self._runner.run(_connected(dsn)) for _ in range(callers)]
        self._work = aggregates(key, history, count)

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Compute all."""
        return self._runner.run(self._run())

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            self._runner.run(connection.close())
        self._runner.close()

    async def _run(self) -> Run:
        cpu, start = cpu_seconds(), time.perf_counter()
        waiting, seconds = iter(self._work), list[float]()
        await asyncio.gather(*(_call(connection, waiting, seconds) for connection in self._connections))
        p50, p95, p99 = (np.percentile(seconds, [50, 95, 99]) * 1000).tolist()
        figures = {"p50": p50, "p95": p95, "p99": p99}
        return Run(len(seconds), time.perf_counter() - start, cpu_seconds() - cpu, figures)


async def _connected(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn)
    await connection.set_builtin_type_codec("timestamptz", schema="pg_catalog", codec_name="int8")
    return connection


async def _call(connection: asyncpg.Connection, waiting: Iterator[Aggregate], seconds: list[float]) -> None:
    for devices, name, start, end, window in (one.parameters for one in waiting):
        begin = time.perf_counter()
        await connection.fetch(_MEANS, devices, name, start - _SHIFT, end - _SHIFT, window)
        seconds.append(time.perf_counter() - begin)
