"""One service walks all phases on real stores; at each it reads what the phases before have written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1.job_pb2 import JobState
from iotflow.telemetry.v1.migration_service_pb2 import Phase, StartArchiveRequest, WatchJobRequest
from iotflow.telemetry.v1.value_pb2 import Store
from iotflow_server.config import IotdbSettings, Settings
from tests.support.service import Caller, record, service, settings_of, unsatisfied

BASE = 1_700_000_000_000
Points = dict[tuple[int, str, int], Any]
BOTH = {Store.STORE_IOTDB, Store.STORE_POSTGRES}


@pytest.fixture
def settings(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> Settings:
    return settings_of(tmp_path / "data", postgres_dsn, iotdb_settings)


@pytest.fixture
async def caller(settings: Settings) -> AsyncIterator[Caller]:
    async with service(settings) as caller:
        yield caller


async def in_sync(caller: Caller) -> None:
    for _ in range(600):
        if not any(store.dirty_ranges for store in (await caller.status()).stores if store.written):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still dirty: {await caller.status()}")


async def archive(caller: Caller, folder: Path) -> None:
    request = StartArchiveRequest(folder=str(folder))
    job = (await caller.migration.StartArchive(request, timeout=30)).job  # type: ignore[misc]
    async for answer in caller.migration.WatchJob(WatchJobRequest(job_id=job.id), timeout=60):  # type: ignore[attr-defined]
        job = answer.job
    assert job.state == JobState.JOB_STATE_SUCCEEDED, job


async def test_every_phase_reads_what_the_phases_before_have_written(caller: Caller, tmp_path: Path) -> None:
    expected: Points = {}
    walk = [
        ("start", Phase.PHASE_PREPARATION, [Store.STORE_IOTDB], Store.STORE_IOTDB),
        ("advance", Phase.PHASE_DUAL_WRITE, BOTH, Store.STORE_IOTDB),
        ("advance", Phase.PHASE_READ_POSTGRES, BOTH, Store.STORE_POSTGRES),
        ("advance", Phase.PHASE_POSTGRES_ONLY, [Store.STORE_POSTGRES], Store.STORE_POSTGRES),
        ("roll_back", Phase.PHASE_READ_POSTGRES, BOTH, Store.STORE_POSTGRES),
        ("roll_back", Phase.PHASE_DUAL_WRITE, BOTH, Store.STORE_IOTDB),
        ("roll_back", Phase.PHASE_PREPARATION, [Store.STORE_IOTDB], Store.STORE_IOTDB),
        ("advance", Phase.PHASE_DUAL_WRITE, BOTH, Store.STORE_IOTDB),
        ("advance", Phase.PHASE_READ_POSTGRES, BOTH, Store.STORE_POSTGRES),
        ("advance", Phase.PHASE_POSTGRES_ONLY, [Store.STORE_POSTGRES], Store.STORE_POSTGRES),
        ("advance", Phase.PHASE_DECOMMISSIONED, [Store.STORE_POSTGRES], Store.STORE_POSTGRES),
    ]
    for step, (way, phase, written, read) in enumerate(walk):
        if way != "start":
            await in_sync(caller)
            if phase == Phase.PHASE_DECOMMISSIONED:
                assert unsatisfied((await caller.status()).advance_guards) == ["iotdb_archived"]
                await archive(caller, tmp_path / "archive")
            moved = await getattr(caller, way)(changed_by="test", reason=f"step {step}")
            assert moved.phase == phase
            assert moved.epoch == step + 1
        assert await caller.points(1, 2) == expected
        answer = await caller.write(
            record(1, BASE + step, {"n": step + 0.5, "text": f"step {step}"}),
            # Every phase overwrites one point, and only the last is to be seen.
            record(2, BASE, {"i": step}, metadata={"step": {"integer": step}}),
        )
        assert set(answer.stored_in) == set(written)
        assert not answer.rejections
        expected |= {(1, "n", BASE + step): step + 0.5, (1, "text", BASE + step): f"step {step}"}
        expected[2, "i", BASE] = step
        assert await caller.points(1, 2) == expected
        page = await caller.query(filter={"device_ids": [2]})
        assert page.served_by == read
        assert page.points[0].metadata["step"].integer == step
    assert [change.phase for change in (await caller.status()).history] == [p for _, p, _, _ in reversed(walk)]


async def test_what_was_deleted_stays_deleted_on_the_way_forward_and_back(caller: Caller) -> None:
    await caller.write(*(record(1, BASE + i, {"n": float(i)}) for i in range(10)))
    await caller.advance()
    await in_sync(caller)
    await caller.delete(1, BASE + 2, BASE + 5)
    left: Points = {(1, "n", BASE + i): float(i) for i in range(10) if not 2 <= i < 5}
    assert await caller.points(1) == left
    await caller.advance()
    assert await caller.points(1) == left
    await caller.advance()
    await caller.delete(1, BASE + 7, BASE + 8)
    del left[1, "n", BASE + 7]
    await caller.roll_back()
    await in_sync(caller)
    await caller.roll_back()
    assert await caller.points(1) == left


async def test_reading_postgres_waits_until_it_is_in_sync(settings: Settings, caller: Caller) -> None:
    await caller.write(*(record(device, BASE, {"n": 1.0}) for device in range(1, 51)))
    moved = await caller.advance()
    if moved.stores[1].dirty_ranges or moved.stores[0].dirty_ranges:
        assert unsatisfied(moved.advance_guards) == ["secondary_in_sync"]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await caller.advance()
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "secondary_in_sync" in str(refused.value.details())
    await in_sync(caller)
    await caller.advance()


async def test_a_caller_who_believes_in_another_phase_is_told(caller: Caller) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="PREPARATION") as refused:
        await caller.advance(expected_phase="PHASE_READ_POSTGRES")
    assert refused.value.code() is grpc.StatusCode.ABORTED
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.roll_back()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_the_phase_and_the_points_survive_a_new_start(settings: Settings) -> None:
    async with service(settings) as caller:
        await caller.write(record(1, BASE, {"n": 1.0}))
        await caller.advance()
        await caller.write(record(1, BASE + 1, {"n": 2.0}))
    async with service(settings) as caller:
        assert (await caller.status()).phase == Phase.PHASE_DUAL_WRITE
        await in_sync(caller)
        await caller.advance()
        expected: Points = {(1, "n", BASE): 1.0, (1, "n", BASE + 1): 2.0}
        assert await caller.points(1) == expected


async def test_a_value_of_another_type_is_refused_by_every_phase_that_writes_iotdb(caller: Caller) -> None:
    await caller.write(record(1, BASE, {"count": 7, "level": 1.5}))
    for _ in range(3):
        answer = await caller.write(record(1, BASE + 1, {"count": 1.5, "level": 2}), record(2, BASE, {"count": 1.5}))
        assert [(r.index, r.field) for r in answer.rejections] == [(0, 'records[0].values["count"]')]
        assert answer.accepted_points == 2
        assert (await caller.points(1))[1, "level", BASE + 1] == 2.0
        await in_sync(caller)
        if (await caller.status()).phase != Phase.PHASE_READ_POSTGRES:
            await caller.advance()
    answer = await caller.write(record(1, BASE + 2, {"count": 3.0}))
    assert (await caller.points(1))[1, "count", BASE + 2] == 3
