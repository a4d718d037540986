"""The same where IoTDB is written, which keeps nobody away by itself: the processes wait for each other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.integration.iotdb.helpers import read_values
from tests.support.service import service, settings_of
from tests.support.streams import GATEWAY, message, stream_to, write
from tests.support.waiting import until_told
from tests.support.wire import Wire
from tests.support.workers import metric

_ATTEMPT = "SELECT attempt FROM stream_writers WHERE writer_id = $1"


@pytest.fixture
async def wire(iotdb_settings: IotdbSettings) -> AsyncIterator[Wire]:
    """To IoTDB, for the first process alone."""
    async with Wire(str(iotdb_settings.host), iotdb_settings.port).laid() as wire:
        yield wire


@pytest.fixture
async def processes(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, wire: Wire, silence: str
) -> AsyncIterator[list[ServiceProcess]]:
    environment = {
        "IOTFLOW_POSTGRES_DSN": postgres_dsn,
        "IOTFLOW_INSTANCE_SILENCE_SECONDS": silence,
        "IOTDB_HOST": "127.0.0.1",
        "IOTDB_DATABASE": iotdb_settings.database,
        "IOTDB_TIMEOUT_SECONDS": "120",
    }
    ports = {"one": wire.port, "two": iotdb_settings.port}
    both = [ServiceProcess(tmp_path / name, {**environment, "IOTDB_PORT": str(ports[name])}) for name in ports]
    await asyncio.gather(*(asyncio.to_thread(process.start) for process in both))
    yield both
    for process in both:
        process.kill()


@pytest.fixture
async def iotdb(iotdb_settings: IotdbSettings) -> AsyncIterator[IotdbStore]:
    store = IotdbStore(iotdb_settings, lambda _: 0)
    await store.open()
    yield store
    await store.close()


async def until_entered(dsn: str, attempt: int) -> None:
    connection = await asyncpg.connect(dsn)

    async def has_entered() -> bool:
        return bool(await connection.fetchval(_ATTEMPT, GATEWAY) == attempt)

    await until_told(has_entered)
    await connection.close()


async def read_to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def until_held(process: ServiceProcess) -> None:
    async def is_held() -> bool:
        return await metric(process, "iotflow_inflight_bytes") > 0

    await until_told(is_held)


@pytest.mark.parametrize("silence", ["300"])
async def test_a_stream_waits_for_what_its_writer_left_behind_at_another_process(
    processes: list[ServiceProcess], wire: Wire, iotdb: IotdbStore, postgres_dsn: str
) -> None:
    first, second = processes
    async with stream_to(first) as call, stream_to(second) as again:
        await write(call, message(1, 1.0, 1, minutes=1))
        wire.hold()
        await call.write(message(2, 10.0, 1))
        await until_held(first)
        going_on = asyncio.create_task(write(again, message(1, 10.0, 2), message(2, 20.0, 2)))
        await until_entered(postgres_dsn, 2)
        # It had not heard of the other one yet when it began; from then on nothing of it is written.
        await call.write(message(3, 30.0, 1))
        wire.release()
        await going_on
        with pytest.raises(grpc.aio.AioRpcError, match="attempt 2") as left_behind:
            await read_to_the_end(call)
    assert left_behind.value.code() is grpc.StatusCode.ABORTED
    assert await read_values(iotdb, 1, "level") == [20.0, 1.0]


@pytest.mark.parametrize("silence", ["2"])
async def test_a_process_that_is_frozen_or_dead_does_not_keep_a_gateway_from_going_on(
    processes: list[ServiceProcess], iotdb: IotdbStore
) -> None:
    first, second = processes
    async with stream_to(first) as call:
        await write(call, message(1, 1.0, 1))
    os.kill(first.process_id, signal.SIGSTOP)
    async with stream_to(second) as again:
        await write(again, message(1, 2.0, 2))
    os.kill(first.process_id, signal.SIGCONT)
    await asyncio.to_thread(first.kill)
    async with stream_to(second) as again:
        await write(again, message(1, 3.0, 3))
    assert await read_values(iotdb, 1, "level") == [3.0]


async def test_a_gateway_goes_on_while_postgresql_is_away(
    tmp_path: Path, own_postgres: LocalPostgres, iotdb_settings: IotdbSettings, iotdb: IotdbStore
) -> None:
    async with service(settings_of(tmp_path, own_postgres.dsn, iotdb_settings)) as caller:
        await asyncio.to_thread(own_postgres.stop, "immediate")
        call: Any = caller.telemetry.WriteTelemetryStream()  # type: ignore[call-arg]
        await write(call, message(1, 1.0, 2))
    assert await read_values(iotdb, 1, "level") == [1.0]
