"""The client starts, watches, steers and lists jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from iotflow.telemetry import (
    BlockingTelemetryClient,
    FailedPreconditionError,
    InvalidArgumentError,
    Job,
    JobKind,
    JobPace,
    JobPlan,
    JobScope,
    JobState,
    TelemetryClient,
    TelemetryError,
)
from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.support.service import environment_of

BASE = 1_700_000_000_000_000
ROWS = 1_000


@pytest.fixture
async def service(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, iotdb_store: IotdbStore
) -> AsyncIterator[ServiceProcess]:
    for device in (1, 2):
        times = BASE + 1_000_000 * np.arange(ROWS)
        await iotdb_store.write([Batch(device, times, (Column("x", Kind.INTEGER, np.arange(ROWS)),))])
    environment = environment_of(postgres_dsn, iotdb_settings, IOTFLOW_INITIAL_PHASE="DUAL_WRITE")
    process = ServiceProcess(tmp_path / "data", environment)
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        await asyncio.to_thread(process.kill)


def moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


async def watched(client: TelemetryClient, job_id: int) -> Job:
    last = None
    async for job in client.watch_job(job_id, timeout=120):
        last = job
    assert last is not None
    return last


async def test_a_backfill_is_started_paced_watched_and_listed(service: ServiceProcess) -> None:
    async with TelemetryClient(service.address) as client:
        started = await client.start_backfill(JobScope((1,)), JobPace(workers=1), created_by="test")
        assert (started.kind, started.scope, started.created_by) == (JobKind.BACKFILL, JobScope((1,)), "test")
        await client.set_job_pace(
            started.id, JobPace(workers=2, hours=("06:00-18:00", "18:00-06:00"), time_zone="Europe/Berlin")
        )
        ended = await watched(client, started.id)
        assert (ended.state, ended.has_ended) == (JobState.SUCCEEDED, True)
        assert ended.progress.points_total == ended.progress.points_done == ROWS
        assert ended.ended_at is not None
        assert ended.report
        assert (started.plan, ended.plan) == (None, None)
        assert await client.get_job(started.id) == ended
        assert (await client.list_jobs(kinds=["backfill"], states=[JobState.SUCCEEDED])).jobs == (ended,)
        assert (await client.list_jobs(states=["failed"])).jobs == ()
        assert (await client.list_job_findings(started.id)).findings == ()
        assert await client.waive_job_findings(started.id, waived_by="test", reason="there are none") == 0


async def test_a_job_is_rehearsed_by_both_clients_and_nothing_starts(service: ServiceProcess, tmp_path: Path) -> None:
    folder = str(tmp_path / "archive")
    async with TelemetryClient(service.address) as client:
        asked = [
            await client.start_backfill(validate_only=True),
            await client.start_verification(validate_only=True),
            await client.start_repair(validate_only=True),
        ]
        with pytest.raises(FailedPreconditionError, match="advance to POSTGRES_ONLY first"):
            await client.start_archive(folder, validate_only=True)
        one = await client.start_backfill(JobScope((1,)), validate_only=True)
        assert (await client.list_jobs()).jobs == ()
    assert [job.kind for job in asked] == [JobKind.BACKFILL, JobKind.VERIFICATION, JobKind.REPAIR]
    assert {(job.id, job.state, job.created_at) for job in asked} == {(0, JobState.UNKNOWN, None)}
    assert {(job.plan.devices, job.plan.points) for job in asked if job.plan is not None} == {(2, 2 * ROWS)}
    end = moment(BASE + 1_000_000 * (ROWS - 1) + 1_000)
    assert one.plan == JobPlan(1, 1, ROWS, 1, moment(BASE), end, findings=(), total_findings=0)

    def rehearse() -> list[Job]:
        with BlockingTelemetryClient(service.address) as client:
            with pytest.raises(FailedPreconditionError, match="advance to POSTGRES_ONLY first"):
                client.start_archive(folder, validate_only=True)
            return [
                client.start_backfill(validate_only=True),
                client.start_verification(validate_only=True),
                client.start_repair(validate_only=True),
            ]

    assert await asyncio.to_thread(rehearse) == asked


async def test_a_job_is_paused_resumed_and_cancelled_by_the_blocking_twin(service: ServiceProcess) -> None:
    def steer() -> None:
        with BlockingTelemetryClient(service.address) as client:
            job = client.start_backfill(pace=JobPace(postgres_points_per_second=1))
            assert client.pause_job(job.id).state is JobState.PAUSED
            assert client.resume_job(job.id).state in (JobState.PENDING, JobState.RUNNING)
            assert client.cancel_job(job.id).state is JobState.CANCELLED
            assert [each.state for each in client.watch_job(job.id, timeout=60)][-1] is JobState.CANCELLED
            with pytest.raises(FailedPreconditionError):
                client.pause_job(job.id)

    await asyncio.to_thread(steer)


async def test_what_is_wrong_is_named(service: ServiceProcess) -> None:
    async with TelemetryClient(service.address) as client:
        with pytest.raises(InvalidArgumentError, match="hours"):
            await client.start_backfill(pace=JobPace(hours="22:00-06:00"))  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="noon"):
            await client.start_backfill(pace=JobPace(hours=("noon",)))
        with pytest.raises(InvalidArgumentError, match="autocorrect"):
            await client.start_verification(autocorrect=["all"])
        with pytest.raises(InvalidArgumentError, match="waived_by"):
            await client.waive_job_findings(1, waived_by="", reason="")
        with pytest.raises(TelemetryError, match="999"):
            await client.get_job(999)
