"""A gateway goes on at another process; what it left behind at the first one must not undo what it wrote since."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from iotflow_server.routing.phase import Phase
from tests.support.service import service, settings_of
from tests.support.streams import message, stream_to, write
from tests.support.waiting import until
from tests.support.workers import logged, metric

_HELD = "iotflow_inflight_bytes"
_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'iotflow-server'"
_STORED = "SELECT numeric_value FROM telemetry_data ORDER BY timestamp"


@pytest.fixture
def processes(tmp_path: Path, own_postgres: LocalPostgres) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Two processes of one deployment, of which the second is not started."""
    settings = {
        "IOTFLOW_POSTGRES_DSN": own_postgres.dsn,
        "IOTFLOW_INITIAL_PHASE": "DECOMMISSIONED",
        "IOTFLOW_POSTGRES_TIMEOUT_SECONDS": "120",
        "IOTFLOW_LOG_LEVEL": "DEBUG",
        # Nothing else is to use a session that is going to be frozen, lest another one be made.
        "IOTFLOW_ROLLUPS": "false",
    }
    both = ServiceProcess(tmp_path / "a", settings), ServiceProcess(tmp_path / "b", settings)
    both[0].start()
    yield both
    for process in both:
        process.kill()


@contextmanager
def frozen(sessions: list[int]) -> Iterator[None]:
    """Keep PostgreSQL from working on what some sessions have sent."""
    for process in sessions:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in sessions:
            os.kill(process, signal.SIGCONT)


async def held_beyond(process: ServiceProcess, nbytes: float) -> float:
    """Return the bytes that a process has taken and not yet written, once they are more."""
    while (held := await metric(process, _HELD)) <= nbytes:  # noqa: ASYNC110  # nothing tells of it by itself
        await asyncio.sleep(0.01)
    return held


async def until_all_is_written(process: ServiceProcess) -> None:
    while await metric(process, _HELD):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_known_to_overwrite", [False, True])
async def test_what_the_first_process_writes_late_does_not_undo_what_the_second_has_acknowledged(
    processes: tuple[ServiceProcess, ServiceProcess], own_postgres: LocalPostgres, is_known_to_overwrite: bool
) -> None:
    first, second = processes
    connection = await asyncpg.connect(own_postgres.dsn)
    async with stream_to(first) as call:
        await write(call, message(1, 0.0, 1, minutes=1))
        # From here on the first process has the session that it is going to use; and it writes this device by upserts,
        # where it has overwritten a point of it.
        await write(call, message(2, 1.0, 1, minutes=1 if is_known_to_overwrite else 3))
        with frozen([row["pid"] for row in await connection.fetch(_SESSIONS)]):
            await call.write(message(3, 10.0, 1))
            held = await held_beyond(first, 0)
            # This one waits for the flush of the other, and is not written: nobody has acknowledged it.
            await call.write(message(4, 30.0, 1, minutes=2))
            await held_beyond(first, held)
            call.cancel()
            await until(lambda: bool(logged(first, "call_ended")))
            assert await metric(first, _HELD) == held
            await asyncio.to_thread(second.start)
            async with stream_to(second) as again:
                await write(again, message(1, 10.0, 2), message(2, 20.0, 2))
        await until_all_is_written(first)
    stored = [row["numeric_value"] for row in await connection.fetch(_STORED)]
    assert stored == ([20.0, 1.0] if is_known_to_overwrite else [20.0, 0.0, 1.0])
    await connection.close()


async def test_a_first_stream_needs_nothing_of_other_processes(tmp_path: Path, postgres_dsn: str) -> None:
    settings = settings_of(tmp_path, postgres_dsn, initial_phase=Phase.DECOMMISSIONED)
    async with service(settings) as caller:
        connection = await asyncpg.connect(postgres_dsn)
        # Whoever asked it anything would fail from here on.
        await connection.execute("DROP TABLE stream_writers")
        await connection.close()
        call: Any = caller.telemetry.WriteTelemetryStream()  # type: ignore[call-arg]
        await write(call, message(1, 1.0, 1), message(2, 2.0, 1, minutes=1))
        await call.write(message(3, 3.0, 1))
        with pytest.raises(grpc.aio.AioRpcError, match="stream_writers"):
            await call.read()
