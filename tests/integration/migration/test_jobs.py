"""Jobs on a real PostgreSQL: done once, paused, taken over, tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.migration.jobs.job import Job, JobKindUnavailableError, JobObjectedError, JobStateError
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.leases import LeaseLostError, Leases
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState
from iotflow_server.migration.jobs.work import Chunk, ChunkResult, JobImpossibleError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from tests.integration.migration.counting_work import POINTS, Counting, unrehearsed
from tests.support.postgres import opened
from tests.support.waiting import until, until_told

BACKFILL = JobSpec(JobKind.BACKFILL)
FREE = JobPace(workers=2)
ODD_PATH = {"code": "ODD_PATH", "is_informational": False, "count": 1, "points": 0, "subjects": ["root.x\\0y"]}


def parts_of(
    store: PostgresStore, work: Counting, instance: str = "one", show: Callable[[Job], None] = lambda _: None
) -> JobParts:
    parts = JobParts.of(store.pool, instance, lambda: 3, str, show, lease_seconds=30, settings=RunSettings(2, 2))
    parts.kinds.offer(JobKind.BACKFILL, work, lambda _: "", unrehearsed)
    return parts


@asynccontextmanager
async def running(parts: JobParts) -> AsyncIterator[JobParts]:
    parts.runner.start()
    try:
        yield parts
    finally:
        await parts.runner.stop()


async def ended(parts: JobParts, job_id: int) -> Job:
    async with asyncio.timeout(60):
        async for job in parts.jobs.watch(job_id):
            last = job
    return last


async def test_a_job_does_each_chunk_once_and_reports(postgres_store: PostgresStore) -> None:
    work = Counting.open()
    async with running(parts_of(postgres_store, work)) as parts:
        started = await parts.jobs.start(BACKFILL, FREE, "me")
        job = await ended(parts, started.id)
    assert (started.state, started.created_by, started.epoch) == (JobState.PENDING, "me", 3)
    assert job.state is JobState.SUCCEEDED
    assert sorted(work.done) == list(range(6))
    assert (job.progress.points_done, job.progress.points_total) == (6 * POINTS, 6 * POINTS)
    assert (job.progress.chunks_done, job.progress.chunks_total) == (6, 6)
    assert job.report == {"points": 6 * POINTS, "failed": 0, "findings": [ODD_PATH]}
    assert (job.instance, job.spec, job.pace) == ("", BACKFILL, FREE)


async def test_a_job_that_makes_no_sense_is_not_started(postgres_store: PostgresStore) -> None:
    parts = parts_of(postgres_store, Counting())
    parts.kinds.offer(JobKind.REPAIR, Counting(), lambda _: "there is nothing to repair", unrehearsed)
    with pytest.raises(JobObjectedError, match="nothing to repair"):
        await parts.jobs.start(JobSpec(JobKind.REPAIR), FREE, "")
    with pytest.raises(JobKindUnavailableError, match="ARCHIVE"):
        await parts.jobs.start(JobSpec(JobKind.ARCHIVE), FREE, "")
    assert await parts.jobs.list_jobs([], [], None, 10) == []


async def test_a_paused_job_finishes_its_chunks_and_goes_on_later(postgres_store: PostgresStore) -> None:
    work, shown = Counting(), list[Job]()
    async with running(parts_of(postgres_store, work, show=shown.append)) as parts:
        job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
        await until(lambda: len(work.begun) == 2)
        assert (await parts.jobs.pause(job_id)).state is JobState.PAUSED
        await until(lambda: shown[-1].state is JobState.PAUSED)
        work.gate.set()

        async def given_back() -> bool:
            return not (await parts.jobs.get(job_id)).instance

        await until_told(given_back)
        assert sorted(work.done) == [0, 1]
        await parts.jobs.resume(job_id)
        assert (await ended(parts, job_id)).state is JobState.SUCCEEDED
    assert sorted(work.done) == list(range(6))
    assert work.plans == 1
    with pytest.raises(JobStateError, match="SUCCEEDED"):
        await parts.jobs.pause(job_id)


async def test_another_instance_takes_over_what_is_left(postgres_store: PostgresStore) -> None:
    work = Counting.open()
    parts = parts_of(postgres_store, work)
    job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
    taken = await Leases(postgres_store.pool, "dead", 1.0).claim([JobKind.BACKFILL], [])
    assert taken is not None
    _, lease = taken
    await lease.begin_plan()
    await lease.add_chunks(0, [Chunk({"number": number}, POINTS) for number in range(6)])
    await lease.end_plan()
    await lease.chunk_done(0, ChunkResult(POINTS))
    await lease.chunk_done(2, ChunkResult(POINTS))
    async with running(parts):
        job = await ended(parts, job_id)
    assert (job.state, job.progress.points_done) == (JobState.SUCCEEDED, 6 * POINTS)
    assert sorted(work.done) == [1, 3, 4, 5]
    assert work.plans == 0
    with pytest.raises(LeaseLostError):
        await lease.chunk_done(1, ChunkResult(POINTS))
    with pytest.raises(LeaseLostError):
        await lease.renew(0.0, "")


async def test_a_plan_that_was_cut_off_is_made_anew(postgres_store: PostgresStore) -> None:
    work = Counting.open()
    parts = parts_of(postgres_store, work, "same")
    job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
    taken = await Leases(postgres_store.pool, "same", 60.0).claim([JobKind.BACKFILL], [])
    assert taken is not None
    await taken[1].add_chunks(0, [Chunk({"number": number}, POINTS) for number in range(100, 104)])
    async with running(parts):
        job = await ended(parts, job_id)
    assert (job.state, job.progress.chunks_total) == (JobState.SUCCEEDED, 6)
    assert sorted(work.done) == list(range(6))


async def test_what_fails_is_tried_again_named_and_can_be_resumed(postgres_store: PostgresStore) -> None:
    work = Counting.open()
    work.failing = {1, 4}
    async with running(parts_of(postgres_store, work)) as parts:
        job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
        job = await ended(parts, job_id)
        assert (job.state, job.error) == (JobState.FAILED, "2 of 6 chunks failed")
        assert work.begun.count(1) == work.begun.count(4) == 2
        (failure,) = job.progress.failures
        assert (failure.code, failure.count) == ("CHUNK_FAILED", 2)
        assert any("chunk 4 ({'number': 4}): broken" in sample for sample in failure.samples)
        work.failing = set()
        await parts.jobs.resume(job_id)
        assert (await ended(parts, job_id)).state is JobState.SUCCEEDED
    assert sorted(work.done) == list(range(6))


async def test_a_job_that_cannot_go_on_says_why(postgres_store: PostgresStore) -> None:
    work = Counting.open()
    work.failing, work.error = {3}, JobImpossibleError("the phase is PREPARATION")
    async with running(parts_of(postgres_store, work)) as parts:
        job = await ended(parts, (await parts.jobs.start(BACKFILL, FREE, "")).id)
    assert (job.state, job.error) == (JobState.FAILED, "the phase is PREPARATION")
    assert work.begun.count(3) == 1


async def test_a_cancelled_job_ends_at_once(postgres_store: PostgresStore) -> None:
    work = Counting()
    async with running(parts_of(postgres_store, work)) as parts:
        job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
        await until(lambda: len(work.begun) == 2)
        await parts.jobs.cancel(job_id)
        assert (await ended(parts, job_id)).state is JobState.CANCELLED
    assert work.done == []


async def test_a_limit_holds_a_job_back_until_it_is_lifted(postgres_store: PostgresStore) -> None:
    work = Counting.open()
    slow = JobPace(workers=1, points_per_second={StoreName.POSTGRES: 1})
    async with running(parts_of(postgres_store, work)) as parts:
        job_id = (await parts.jobs.start(BACKFILL, slow, "")).id

        async def says_why() -> bool:
            return "limit of 1 points/s for postgres" in (await parts.jobs.get(job_id)).progress.waiting_for

        await until_told(says_why)
        assert len(work.done) < 6
        await parts.jobs.set_pace(job_id, FREE)
        assert (await ended(parts, job_id)).state is JobState.SUCCEEDED


async def test_findings_are_kept_until_somebody_waives_them(postgres_store: PostgresStore) -> None:
    async with running(parts_of(postgres_store, Counting.open())) as parts:
        job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
        assert (await ended(parts, job_id)).progress.open_findings == 1
    (recorded,) = await parts.jobs.findings(job_id, 0, 10)
    assert (recorded.finding.code, recorded.finding.subject, recorded.waived_by) == ("ODD_PATH", "root.x\\0y", "")
    assert (await parts.jobs.waive(job_id, "OTHER", "", "me", "known"))[0] == 0
    count, job = await parts.jobs.waive(job_id, "ODD_PATH", "", "me", "known")
    assert (count, job.progress.open_findings) == (1, 0)
    (recorded,) = await parts.jobs.findings(job_id, 0, 10)
    assert (recorded.waived_by, recorded.waived_reason) == ("me", "known")


async def test_a_continuous_job_begins_again_until_it_is_cancelled(postgres_store: PostgresStore) -> None:
    work = Counting.open(2)
    async with running(parts_of(postgres_store, work)) as parts:
        job_id = (await parts.jobs.start(JobSpec(JobKind.BACKFILL, continuous=True), FREE, "")).id

        async def is_in_its_third_round() -> bool:
            return (await parts.jobs.get(job_id)).progress.rounds >= 2

        await until_told(is_in_its_third_round)
        await parts.jobs.cancel(job_id)
        assert (await ended(parts, job_id)).report == {"points": 2 * POINTS, "failed": 0, "findings": [ODD_PATH]}


async def test_a_job_waits_for_postgres_and_goes_on(own_postgres: LocalPostgres) -> None:
    work = Counting()
    async with opened(own_postgres.dsn, {}, patience=2.0) as store, running(parts_of(store, work)) as parts:
        job_id = (await parts.jobs.start(BACKFILL, FREE, "")).id
        await until(lambda: len(work.begun) == 2)
        own_postgres.stop("immediate")
        work.gate.set()
        await until(lambda: len(work.done) == 2)
        own_postgres.start()
        assert (await ended(parts, job_id)).state is JobState.SUCCEEDED
    assert sorted(work.done) == list(range(6))
