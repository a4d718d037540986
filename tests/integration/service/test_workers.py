"""Several processes serve one address: they start, serve, die and drain as one server would."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.support.gateway import BASE_US, ROWS, Gateway, check
from tests.support.postgres import database
from tests.support.service import Caller, record
from tests.support.workers import (
    WORKERS,
    logged,
    metric,
    one_of_each,
    register,
    serving,
    until_replaced,
    workers_on,
)

MS = 1_700_000_000_000
GATEWAYS = 6
_POINTS = """
SELECT count(*) FILTER (WHERE number < $3) AS acknowledged,
    bool_and(numeric_value = number / CASE measurement_name WHEN 'row' THEN 1 ELSE 2 END) AS are_right
FROM (
    SELECT measurement_name, numeric_value, round(extract(epoch FROM timestamp) * 1000000)::float8 - $2 AS number
    FROM telemetry_data WHERE device_id = $1
) AS point
"""


class Running(NamedTuple):
    """A service, and the database that it uses."""

    process: ServiceProcess
    dsn: str


@pytest.fixture(scope="module")
async def shared(postgres_server: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A service for all tests that leave it as it is; each uses devices of its own."""
    async with database(postgres_server) as dsn:
        process = workers_on(tmp_path_factory.mktemp("workers"), IOTFLOW_POSTGRES_DSN=dsn)
        await asyncio.to_thread(process.start)
        yield Running(process, dsn)
        await asyncio.to_thread(process.terminate)


@pytest.fixture
def service(tmp_path: Path, postgres_dsn: str) -> Iterator[ServiceProcess]:
    process = workers_on(tmp_path / "data", IOTFLOW_POSTGRES_DSN=postgres_dsn)
    process.start()
    yield process
    process.terminate()


async def test_all_workers_are_given_calls_and_metrics_are_the_sum(shared: Running) -> None:
    before = await metric(shared.process, "iotflow_points_accepted_total")
    async with one_of_each(shared.process) as callers:
        for number, caller in enumerate(callers):
            await caller.write(*(record(1 + number, MS + row, {"a": 1.0, "b": 2}) for row in range(10 + number)))
    assert await metric(shared.process, "iotflow_points_accepted_total") - before == 2 * (10 + 11)
    assert await metric(shared.process, "iotflow_workers") == WORKERS
    assert await metric(shared.process, 'iotflow_phase{phase="DECOMMISSIONED"}') == 1


async def test_a_device_that_one_worker_registers_is_known_to_all_at_once(shared: Running) -> None:
    async with one_of_each(shared.process) as (one, other):
        for device in range(101, 121):
            await register(one, device, 7)
            await one.write(record(device, MS, {"a": 1.0}))
            page = await other.query(filter={"user_id": 7}, page_size=100)
            assert {(p.device_id, p.user_id) for p in page.points} == {(d, 7) for d in range(101, device + 1)}


async def test_a_change_of_owner_holds_for_the_next_write_through_any_worker(shared: Running) -> None:
    device = 201
    async with one_of_each(shared.process) as callers:
        for caller in callers:
            await caller.write(record(device, MS, {"a": 0.0}, user_id=1000))
        for number in range(1, 21):
            changing, writing = callers[number % 2], callers[(number + 1) % 2]
            await register(changing, device, 1000 + number)
            await writing.write(record(device, MS + number, {"a": float(number)}))
            page = await writing.query(filter={"user_id": 1000 + number})
            assert {point.user_id for point in page.points} == {1000 + number}
            assert not (await changing.query(filter={"user_id": 1000 + number - 1})).points
    connection = await asyncpg.connect(shared.dsn)
    rows = await connection.fetch("SELECT user_id, numeric_value FROM telemetry_data WHERE device_id = $1", device)
    await connection.close()
    assert {tuple(row) for row in rows} == {(1000 + number, number) for number in range(21)}


async def test_a_killed_worker_comes_back_and_nothing_acknowledged_is_lost(
    service: ServiceProcess, postgres_dsn: str
) -> None:
    gateways = [Gateway(service.address, device_id) for device_id in range(1, GATEWAYS + 1)]
    tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
    for _ in range(2):
        await asyncio.gather(*(gateway.beyond(gateway.acknowledged + 20) for gateway in gateways))
        victim = serving(service)[-WORKERS]
        os.kill(victim["process"], signal.SIGKILL)
        await asyncio.gather(*(gateway.beyond(gateway.acknowledged + 20) for gateway in gateways))
        await until_replaced(service, victim)
        assert await metric(service, "iotflow_workers") == WORKERS
    for gateway in gateways:
        gateway.stop.set()
    await asyncio.gather(*tasks)
    connection = await asyncpg.connect(postgres_dsn)
    for gateway in gateways:
        sent = gateway.acknowledged * ROWS
        count, are_right = await connection.fetchrow(_POINTS, gateway.device_id, float(BASE_US), float(sent))  # type: ignore[misc]
        assert (count, are_right) == (2 * sent, True)
    await connection.close()
    assert [line["exit_code"] for line in logged(service, "worker_ended")] == [-signal.SIGKILL] * 2


async def test_a_worker_that_ends_is_replaced_and_what_it_counted_is_kept(service: ServiceProcess) -> None:
    async with one_of_each(service) as callers:
        for number, caller in enumerate(callers):
            await caller.write(record(1 + number, MS, {"a": 1.0}))
    for how in (signal.SIGKILL, signal.SIGTERM):
        victim = serving(service)[-WORKERS]
        os.kill(victim["process"], how)
        await until_replaced(service, victim)
    assert [line["exit_code"] for line in logged(service, "worker_ended")] == [-signal.SIGKILL, 0]
    assert await metric(service, "iotflow_points_accepted_total") == WORKERS
    assert await metric(service, "iotflow_workers") == WORKERS


async def test_all_workers_drain_on_sigterm(service: ServiceProcess) -> None:
    gateways = [Gateway(service.address, device_id) for device_id in range(1, GATEWAYS + 1)]
    tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
    await asyncio.gather(*(gateway.beyond(20) for gateway in gateways))
    os.kill(service.process_id, signal.SIGTERM)
    # One more is harmless.
    assert await asyncio.to_thread(service.terminate) == 0
    for gateway in gateways:
        gateway.stop.set()
    await asyncio.gather(*tasks)
    await asyncio.to_thread(service.start)
    await check(service.address, gateways)


async def test_no_worker_says_that_it_serves_while_all_drain(service: ServiceProcess) -> None:
    async with one_of_each(service) as callers:
        watches = [asyncio.create_task(last_status(caller)) for caller in callers]
        for caller in callers:
            await caller.status()
        assert await asyncio.to_thread(service.terminate) == 0
        assert await asyncio.gather(*watches) == [health_pb2.HealthCheckResponse.NOT_SERVING] * WORKERS


async def last_status(caller: Caller) -> int:
    status = health_pb2.HealthCheckResponse.UNKNOWN
    watch: Any = caller.channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )(health_pb2.HealthCheckRequest())
    try:
        async for answer in watch:
            status = answer.status
    except grpc.aio.AioRpcError:
        pass
    return status


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user who runs an embedded PostgreSQL may enter."""
    path = Path(tempfile.mkdtemp(prefix="iotflow-workers-"))
    yield path
    LocalPostgres(path / "postgres").stop("immediate")
    shutil.rmtree(path)


async def test_a_killed_parent_leaves_neither_workers_nor_postgresql(folder: Path) -> None:
    service = workers_on(folder)
    await asyncio.to_thread(service.start)
    gateways = [Gateway(service.address, device_id) for device_id in range(1, GATEWAYS + 1)]
    tasks = [asyncio.create_task(gateway.run()) for gateway in gateways]
    await asyncio.gather(*(gateway.beyond(20) for gateway in gateways))
    left = [
        *psutil.Process(service.process_id).children(),
        psutil.Process(LocalPostgres(folder / "postgres").process_id),
    ]
    await asyncio.to_thread(service.kill)
    await asyncio.to_thread(psutil.wait_procs, left, 60)
    for gateway in gateways:
        gateway.stop.set()
    await asyncio.gather(*tasks)
    assert [process for process in left if process.is_running()] == []
    await asyncio.to_thread(service.start)
    await check(service.address, gateways)
    assert await asyncio.to_thread(service.terminate) == 0


def refusal(folder: Path, workers: int, **settings: str) -> str:
    """The one line by which a server says that it cannot start."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IOTFLOW_")},
        "IOTFLOW_DATA_DIR": str(folder),
        "IOTFLOW_LISTEN": "127.0.0.1:0",
        "IOTFLOW_METRICS_LISTEN": "",
        "IOTFLOW_LOG_LEVEL": "ERROR",
        **settings,
    }
    command = [sys.executable, "-m", "iotflow_server.cli.main", "--workers", str(workers)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    return line


@pytest.mark.parametrize("workers", [1, WORKERS])
async def test_an_address_in_use_is_refused_to_everybody_else(shared: Running, tmp_path: Path, workers: int) -> None:
    settings = {"IOTFLOW_LISTEN": shared.process.address, "IOTFLOW_POSTGRES_DSN": shared.dsn}
    line = await asyncio.to_thread(refusal, tmp_path, workers, **settings)
    assert f"cannot listen on {shared.process.address}" in line


async def test_a_worker_that_cannot_start_ends_all_with_its_reason(tmp_path: Path, postgres_dsn: str) -> None:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "2").touch()
    line = await asyncio.to_thread(refusal, tmp_path, WORKERS, IOTFLOW_POSTGRES_DSN=postgres_dsn)
    assert f"cannot write to {tmp_path / 'workers' / '2'}" in line


async def test_a_phase_with_iotdb_wants_iotdb(tmp_path: Path, postgres_dsn: str) -> None:
    settings = {"IOTFLOW_POSTGRES_DSN": postgres_dsn, "IOTFLOW_INITIAL_PHASE": "POSTGRES_ONLY"}
    line = await asyncio.to_thread(refusal, tmp_path, WORKERS, **settings)
    assert "POSTGRES_ONLY" in line
    assert "IOTDB_HOST" in line
    connection = await asyncpg.connect(postgres_dsn)
    assert await connection.fetchval("SELECT count(*) FROM migration_phase") == 0
    await connection.close()
