"""The server is killed in the middle of a verification and of an archive; both go on with what was not done yet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from iotflow.telemetry.v1 import job_pb2
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.migration.archive.checking import compare_archive
from iotflow_server.migration.archive.manifest import check_files, read_manifest
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.batches import SECOND, T0, point
from tests.support.service import Caller, environment_of
from tests.support.waiting import until_told

DEVICES = (1, 2, 3, 4)
ROWS = 30_000
POINTS = len(DEVICES) * ROWS * 2
#: So many that two devices are too many for one chunk, and a chunk takes a second.
SLOWLY = job_pb2.JobPace(workers=1, iotdb_points_per_second=60_000)


@pytest.fixture
async def filled(iotdb_store: IotdbStore, postgres_store: PostgresStore) -> PostgresStore:
    rows = np.arange(ROWS)
    for device in DEVICES:
        columns = (Column("a", Kind.NUMERIC, np.sin(rows)), Column("n", Kind.INTEGER, 2**60 + rows))
        for store in (iotdb_store, postgres_store):
            await store.write([Batch(device, T0 + rows * SECOND, columns)])
    return postgres_store


@asynccontextmanager
async def serving(folder: Path, dsn: str, iotdb: IotdbSettings, phase: str) -> AsyncIterator[ServiceProcess]:
    environment = environment_of(
        dsn,
        iotdb,
        IOTFLOW_INITIAL_PHASE=phase,
        IOTFLOW_ARCHIVE_FILE_POINTS="60000",
        IOTDB_TIMEOUT_SECONDS="60",
    )
    service = ServiceProcess(folder, environment)
    await asyncio.to_thread(service.start)
    try:
        yield service
    finally:
        await asyncio.to_thread(service.kill)


@asynccontextmanager
async def calls(service: ServiceProcess) -> AsyncIterator[Any]:
    # Of its own: what others have tried in vain while it was away would be held against a new one.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(service.address, options=options) as channel:
        yield Caller(channel).migration


async def killed_on_its_way(service: ServiceProcess, job_id: int) -> int:
    """Kill the server once chunks are done, but not all; return how many."""

    async def progress() -> Any:
        async with calls(service) as call:
            return (await call.GetJob(pb.GetJobRequest(job_id=job_id), timeout=30)).job.progress

    async def is_on_its_way() -> bool:
        return int((await progress()).chunks_done) >= 1

    await until_told(is_on_its_way)
    last = await progress()
    await asyncio.to_thread(service.kill)
    assert last.chunks_done < last.chunks_total
    return int(last.chunks_done)


async def ended(service: ServiceProcess, job_id: int) -> Any:
    async with calls(service) as call, asyncio.timeout(120):
        try:
            await call.SetJobPace(pb.SetJobPaceRequest(job_id=job_id, pace=job_pb2.JobPace(workers=1)), timeout=30)
        except grpc.aio.AioRpcError as error:
            # It may have ended since the server was started.
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
        async for answer in call.WatchJob(pb.WatchJobRequest(job_id=job_id)):
            job = answer.job
    return job


@pytest.mark.timeout(300)
async def test_a_verification_goes_on_after_kill_9(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, filled: PostgresStore
) -> None:
    await filled.write([point(DEVICES[-1], T0, "a", 99.0)])
    async with serving(tmp_path, postgres_dsn, iotdb_settings, "DUAL_WRITE") as service:
        async with calls(service) as call:
            request = pb.StartVerificationRequest(pace=SLOWLY, created_by="test")
            started = (await call.StartVerification(request, timeout=30)).job
        await killed_on_its_way(service, started.id)
        # What is done is not done again: this comes too late to be seen.
        await filled.write([point(DEVICES[0], T0, "a", 98.0)])
        await asyncio.to_thread(service.start)
        job = await ended(service, started.id)
    assert (job.state, job.progress.chunks_failed) == (job_pb2.JOB_STATE_SUCCEEDED, 0), job
    report = json.loads(job.report)
    assert (report["points"], report["differing"]) == (POINTS, 1)
    assert [failure.count for failure in job.progress.failures] == [1]
    assert "device 4, 'a'" in job.progress.failures[0].samples[0]


@pytest.mark.timeout(300)
async def test_an_archive_goes_on_after_kill_9(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, filled: PostgresStore
) -> None:
    folder = tmp_path / "archive"
    async with serving(tmp_path / "data", postgres_dsn, iotdb_settings, "POSTGRES_ONLY") as service:
        async with calls(service) as call:
            request = pb.StartArchiveRequest(folder=str(folder), pace=SLOWLY, created_by="test")
            started = (await call.StartArchive(request, timeout=30)).job
        done = await killed_on_its_way(service, started.id)
        written = {path: path.stat().st_mtime_ns for path in sorted(folder.glob("*.parquet"))[:done]}
        await asyncio.to_thread(service.start)
        job = await ended(service, started.id)
    assert (job.state, job.progress.chunks_failed) == (job_pb2.JOB_STATE_SUCCEEDED, 0), job
    assert {path: path.stat().st_mtime_ns for path in written} == written
    manifest = read_manifest(folder)
    assert (manifest.points, len(manifest.files)) == (POINTS, len(DEVICES))
    assert check_files(folder, manifest.files) == []
    assert (await compare_archive(folder, manifest, filled)).differing == 0
    assert not list(folder.glob("*.part"))
