"""The limit of an export: binary COPY of its rows, thrown away as they come."""

from __future__ import annotations

import time
from typing import Final

import asyncpg
import uvloop

from tests.bench.history import History
from tests.bench.run import Run, cpu_seconds

_PATIENCE: Final = 600.0


class CopyOutLoad:
    """Reads every point of ``history``, in whatever order they lie."""

    def __init__(self, dsn: str, history: History) -> None:
        self._dsn = dsn
        self._history = history

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Read all."""
        return uvloop.run(self._run())

    def close(self) -> None:
        """There is nothing to close."""

    async def _run(self) -> Run:
        connection = await asyncpg.connect(self._dsn)
        cpu, start = cpu_seconds(), time.perf_counter()
        status = await connection.copy_from_query(
            "SELECT device_id, measurement_name, timestamp, numeric_value FROM telemetry_data WHERE device_id <= $1",
            self._history.devices,
            output=_thrown_away,
            format="binary",
            timeout=_PATIENCE,
        )
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        await connection.close()
        return Run(int(status.split()[1]), seconds, cpu)


async def _thrown_away(_data: bytes) -> None:
    pass
