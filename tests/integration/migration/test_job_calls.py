"""Jobs over the wire, on a service with real stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1 import job_pb2
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.config import IotdbSettings
from tests.support.service import Caller, record, service, settings_of
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
SLOWLY = job_pb2.JobPace(workers=1, postgres_points_per_second=1)


#: Of each of two devices: too many for both to be in one chunk.
POINTS = 700


@asynccontextmanager
async def filled(folder: Path, dsn: str, iotdb: IotdbSettings) -> AsyncIterator[Caller]:
    settings = settings_of(folder, dsn, iotdb, initial_phase="DUAL_WRITE", backfill_chunk_points=1_000)
    async with service(settings) as caller:
        await caller.write(*(record(1 + row % 2, BASE + row, {"a": 1.5}) for row in range(2 * POINTS)))
        yield caller


@pytest.fixture
async def caller(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> AsyncIterator[Caller]:
    async with filled(tmp_path / "data", postgres_dsn, iotdb_settings) as caller:
        yield caller


async def call(caller: Caller, method: str, request: Any) -> Any:
    return await getattr(caller.migration, method)(request, timeout=30)


async def job_of(caller: Caller, job_id: int) -> job_pb2.Job:
    answer = await call(caller, "GetJob", pb.GetJobRequest(job_id=job_id))
    return answer.job  # type: ignore[no-any-return]


async def test_a_job_is_started_listed_paused_resumed_and_watched(caller: Caller) -> None:
    request = pb.StartBackfillRequest(pace=SLOWLY, created_by="an operator")
    started = (await call(caller, "StartBackfill", request)).job
    assert (started.kind, started.created_by) == (job_pb2.JOB_KIND_BACKFILL, "an operator")

    async def says_why_it_waits() -> bool:
        return "limit of 1 points/s" in (await job_of(caller, started.id)).progress.waiting_for

    await until_told(says_why_it_waits)
    assert (await call(caller, "PauseJob", pb.PauseJobRequest(job_id=started.id))).job.state == job_pb2.JOB_STATE_PAUSED
    unlimited = pb.SetJobPaceRequest(job_id=started.id, pace=job_pb2.JobPace())
    assert (await call(caller, "SetJobPace", unlimited)).job.pace == job_pb2.JobPace(time_zone="UTC")
    await call(caller, "ResumeJob", pb.ResumeJobRequest(job_id=started.id))
    watch: Any = caller.migration.WatchJob(pb.WatchJobRequest(job_id=started.id), timeout=60)
    states = [answer.job.state async for answer in watch]
    assert states[-1] == job_pb2.JOB_STATE_SUCCEEDED
    (listed,) = (await call(caller, "ListJobs", pb.ListJobsRequest(states=[job_pb2.JOB_STATE_SUCCEEDED]))).jobs
    assert (listed.id, listed.progress.points_done) == (started.id, 2 * POINTS)
    found = await call(caller, "ListJobFindings", pb.ListJobFindingsRequest(job_id=started.id))
    assert list(found.findings) == []


async def test_a_watch_ends_when_the_server_drains(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings
) -> None:
    async with asyncio.timeout(100), filled(tmp_path / "data", postgres_dsn, iotdb_settings) as caller:
        job_id = (await call(caller, "StartBackfill", pb.StartBackfillRequest(pace=SLOWLY))).job.id
        watch: Any = caller.migration.WatchJob(pb.WatchJobRequest(job_id=job_id))
        assert (await anext(aiter(watch))).job.id == job_id


@pytest.mark.parametrize(
    ("method", "request_message", "code"),
    [
        ("GetJob", pb.GetJobRequest(job_id=77), grpc.StatusCode.NOT_FOUND),
        ("CancelJob", pb.CancelJobRequest(job_id=77), grpc.StatusCode.NOT_FOUND),
        ("SetJobPace", pb.SetJobPaceRequest(job_id=77), grpc.StatusCode.INVALID_ARGUMENT),
        (
            "WaiveJobFindings",
            pb.WaiveJobFindingsRequest(job_id=77, waived_by="me"),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
    ],
)
async def test_what_is_wrong_is_answered_with_its_code(
    caller: Caller, method: str, request_message: Any, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(caller, method, request_message)
    assert caught.value.code() is code
