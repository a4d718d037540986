"""The server is killed in the middle of a backfill, while the fleet goes on writing; nothing is lost or made up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import pytest

from iotflow.telemetry.v1 import job_pb2
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import Points, point, points_of
from tests.support.postgres import opened
from tests.support.service import Caller, environment_of, record
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
ROWS = 2_000
DEVICES = tuple(range(1, 9))
RATE = 6_000


def history(device: int) -> Batch:
    """Values of every kind, awkward ones among them."""
    rows = np.arange(ROWS)
    doubles = np.random.default_rng(device).normal(size=ROWS)
    doubles[:5] = [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324]
    texts = np.array([f"état {row} 😀" for row in rows], object)
    texts[:2] = ["", "x" * 50_000]
    jsons = np.array([f'{{"big": 9007199254740993, "row": {row}}}' for row in rows[::5]], object)
    return Batch(
        device,
        (BASE + rows * 1000) * 1000,
        (
            Column("double", Kind.NUMERIC, doubles),
            Column("integer", Kind.INTEGER, 2**62 + rows),
            Column("text", Kind.TEXT, texts),
            Column("json", Kind.JSON, jsons, rows[::5]),
            Column("bool", Kind.BOOLEAN, rows % 3 == 0),
            Column("meta_site", Kind.TEXT, texts[::2], rows[::2]),
        ),
    )


@asynccontextmanager
async def calling(service: ServiceProcess) -> AsyncIterator[Caller]:
    # Of its own: what others have tried in vain while it was away would be held against a new one.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(service.address, options=options) as channel:
        yield Caller(channel)


async def live(service: ServiceProcess, ledger: Points, stop: asyncio.Event) -> None:
    """Give points of the history new values and delete some, each until it is acknowledged."""
    for number in itertools.count():
        if stop.is_set():
            return
        device, moment = DEVICES[number % len(DEVICES)], BASE + number * 37 % ROWS * 1000
        if number % 5:
            await until_acknowledged(service, partial(rewrite, device, moment, number / 2))
            ledger |= points_of([point(device, moment * 1000, "double", number / 2)])
        else:
            await until_acknowledged(service, partial(delete, device, moment, moment + 3_000))
            gone = range(moment * 1000, (moment + 3_000) * 1000)
            for key in [key for key in ledger if key[1] == device and key[0] in gone]:
                del ledger[key]


async def rewrite(device: int, moment: int, value: float, caller: Caller) -> None:
    await caller.write(record(device, moment, {"double": value}))


async def delete(device: int, start: int, end: int, caller: Caller) -> None:
    await caller.delete(device, start, end)


async def until_acknowledged(service: ServiceProcess, call: Callable[[Caller], Awaitable[None]]) -> None:
    while True:
        try:
            async with calling(service) as caller:
                await call(caller)
            return
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.1)


async def job_of(service: ServiceProcess, job_id: int) -> job_pb2.Job:
    async with calling(service) as caller:
        answer = await caller.migration.GetJob(pb.GetJobRequest(job_id=job_id), timeout=30)  # type: ignore[misc]
    return answer.job  # type: ignore[no-any-return]


async def all_of(store: TelemetryStore) -> Points:
    return points_of([batch async for batch in store.scan(Selection(DEVICES, scope=Scope.BOTH))])


@pytest.mark.timeout(300)
async def test_a_backfill_goes_on_after_kill_9(
    tmp_path: Path,
    postgres_dsn: str,
    iotdb_store: IotdbStore,
    iotdb_settings: IotdbSettings,
    owners: dict[int, int],
) -> None:
    owners |= dict.fromkeys(DEVICES[::2], 7)
    for device in DEVICES:
        await iotdb_store.write([history(device)])
    ledger = await all_of(iotdb_store)
    environment = environment_of(
        postgres_dsn,
        iotdb_settings,
        IOTFLOW_INITIAL_PHASE="DUAL_WRITE",
        IOTFLOW_BACKFILL_CHUNK_POINTS="4000",
        IOTDB_TIMEOUT_SECONDS="60",
        IOTFLOW_SECONDARY_PATIENCE_SECONDS="60",
    )
    service = ServiceProcess(tmp_path / "data", environment)
    await asyncio.to_thread(service.start)
    stop = asyncio.Event()
    writing = asyncio.create_task(live(service, ledger, stop))
    try:
        async with calling(service) as caller:
            slowly = job_pb2.JobPace(postgres_points_per_second=RATE)
            request = pb.StartBackfillRequest(pace=slowly, created_by="test")
            started = (await caller.migration.StartBackfill(request, timeout=30)).job  # type: ignore[misc]
        done = 0
        for _ in range(2):

            async def is_on_its_way(before: int = done) -> bool:
                progress = (await job_of(service, started.id)).progress
                return before + 2 <= progress.chunks_done < progress.chunks_total

            await until_told(is_on_its_way)
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
            job = await job_of(service, started.id)
            assert job.state in (job_pb2.JOB_STATE_RUNNING, job_pb2.JOB_STATE_PENDING)
            done = job.progress.chunks_done
        async with calling(service) as caller:
            full_speed = pb.SetJobPaceRequest(job_id=started.id, pace=job_pb2.JobPace())
            await caller.migration.SetJobPace(full_speed, timeout=30)  # type: ignore[misc]
            watch = caller.migration.WatchJob(pb.WatchJobRequest(job_id=started.id), timeout=120)
            async for answer in watch:  # type: ignore[attr-defined]
                job = answer.job
        assert job.state == job_pb2.JOB_STATE_SUCCEEDED, job
        assert (job.progress.open_findings, job.progress.chunks_failed) == (0, 0)
        stop.set()
        await writing

        async def is_in_sync() -> bool:
            async with calling(service) as caller:
                return not any(store.dirty_ranges for store in (await caller.status()).stores)

        await until_told(is_in_sync)
    finally:
        writing.cancel()
        await asyncio.to_thread(service.kill)
    async with opened(postgres_dsn, owners) as postgres:
        stored = await all_of(postgres)
    assert stored.keys() == ledger.keys()
    assert {key: value for key, value in stored.items() if ledger[key] != value} == {}
