"""Verification of two real stores: every kind of difference is found, named and, where allowed, put right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.migration.catch_up import CatchUp
from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.jobs.job import Job, JobObjectedError
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.jobs import Jobs
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobScope, JobSpec, JobState
from iotflow_server.migration.verification.comparing import Pair
from iotflow_server.migration.verification.correcting import LockingCorrector
from iotflow_server.migration.verification.findings import ListedDifference, VerificationFindings
from iotflow_server.migration.verification.page import page_of
from iotflow_server.migration.verification.work import Verifications
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.history import IotdbHistory
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.integration.migration.counting_work import unrehearsed
from tests.support.batches import MS, T0, Json, batch, batch_of, point, points_of
from tests.support.iotdb import IotdbServer, execute
from tests.support.waiting import until_told

NAN = float("nan")
OTHER_NAN = float(np.array([0x7FF8_0000_0000_00FF], np.int64).view(np.float64)[0])


class Bench:
    """Both stores, and what verifies them."""

    def __init__(self, iotdb: IotdbStore, postgres: PostgresStore, settings: IotdbSettings) -> None:
        self.iotdb = iotdb
        self.postgres = postgres
        self.pair: Pair | None = Pair(iotdb, postgres)
        self.findings = VerificationFindings(postgres.pool, 50)
        self.history = IotdbHistory(settings, lambda _: 0, 2)
        self.lag: Callable[[], float] = lambda: 0.0

    def parts(self, instance: str = "one") -> JobParts:
        parts = JobParts.of(
            self.postgres.pool, instance, lambda: 1, str, lambda _: None, lease_seconds=2, settings=RunSettings(2, 1)
        )
        work = Verifications(
            lambda: self.pair,
            self.postgres,
            self.history,
            self.findings,
            LockingCorrector(DeviceLocks(self.postgres.pool).deleting),
            CopyGate(),
            CatchUp(lambda: self.lag(), patience_seconds=1),
            lambda _: 0,
            continuous_points_per_second=1_000_000,
        )
        for kind in (JobKind.VERIFICATION, JobKind.REPAIR):
            parts.kinds.offer(kind, work, work.objection, unrehearsed)
        return parts

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Jobs]:
        parts = self.parts()
        parts.runner.start()
        try:
            yield parts.jobs
        finally:
            await parts.runner.stop()

    async def verified(self, spec: JobSpec) -> Job:
        async with self.running() as jobs, asyncio.timeout(120):
            job = await jobs.start(spec, JobPace(), "test")
            async for last in jobs.watch(job.id):
                job = last
        return job

    async def both(self, *batches: Batch) -> None:
        for store in (self.iotdb, self.postgres):
            await store.write(batches)


@pytest.fixture
async def bench(
    iotdb_store: IotdbStore, postgres_store: PostgresStore, iotdb_settings: IotdbSettings
) -> AsyncIterator[Bench]:
    bench = Bench(iotdb_store, postgres_store, iotdb_settings)
    yield bench
    bench.history.close()


def spec(*autocorrect: str, **more: Any) -> JobSpec:
    return JobSpec(JobKind.VERIFICATION, options={"sample_share": 1.0, "autocorrect": list(autocorrect)}, **more)


def told(listed: Iterable[ListedDifference]) -> dict[tuple[str, int], tuple[str, str | None, str | None]]:
    return {
        (one.place.measurement, (one.place.timestamp - T0) // MS): (one.kind, one.primary, one.secondary)
        for one in listed
    }


async def content(store: TelemetryStore, device_id: int) -> Mapping[Any, Any]:
    return points_of([one async for one in store.scan(Selection((device_id,), scope=Scope.BOTH))])


EVERY_KIND: dict[str, list[Any]] = {
    "number": [0.5, -0.0, 1.5, NAN],
    "integer": [2**53 + 1, -(2**63), 7, 2**63 - 1],
    "text": ["", "é" * 1000, "x\u2028y", "null"],
    "flag": [True, False, True, True],
    "json": [Json('{"a": 1, "b": [1.0]}'), Json("[9007199254740993]"), Json("{}"), Json("[]")],
    "meta_site": ["a", "b", "c", "d"],
    "meta_quality_flag": [0, 1, 2, 3],
}
TIMES = [T0 + row * MS for row in range(4)]


async def test_what_is_alike_is_found_alike_whatever_its_kind(bench: Bench) -> None:
    await bench.both(batch(1, TIMES, **EVERY_KIND))
    await bench.iotdb.write([batch(2, TIMES[:1], j=[Json('{"a": 1, "b": 2}')], n=[NAN])])
    await bench.postgres.write([batch(2, TIMES[:1], j=[Json('{"b":2,"a":1.0}')], n=[OTHER_NAN])])
    job = await bench.verified(spec())
    assert job.state is JobState.SUCCEEDED
    assert job.report is not None
    assert {key: job.report[key] for key in ("points", "differing", "devices")} == {
        "points": 30,
        "differing": 0,
        "devices": 2,
    }
    assert job.progress.failures == ()


DIFFERENCES = {
    ("number", 0): ("mismatched", "NUMERIC 0.5", "NUMERIC 0.5000000000000001"),
    ("number", 1): ("mismatched", "NUMERIC -0.0", "NUMERIC 0.0"),
    ("number", 3): ("mismatched", "NUMERIC nan", "NUMERIC 0.0"),
    ("integer", 0): ("mismatched", f"INTEGER {2**53 + 1}", f"INTEGER {2**53}"),
    ("integer", 2): ("mismatched", "INTEGER 7", "NUMERIC 7.0"),
    ("text", 0): ("missing", "TEXT ", None),
    ("flag", 1): ("mismatched", "BOOLEAN False", "BOOLEAN True"),
    ("flag", 9): ("extra", None, "BOOLEAN True"),
    ("json", 1): ("mismatched", "JSON [9007199254740993]", "JSON [9007199254740992]"),
    ("meta_site", 2): ("mismatched", "TEXT c", "TEXT C"),
    ("meta_other", 1): ("extra", None, "INTEGER 1"),
    ("unknown", 0): ("extra", None, "NUMERIC 1.0"),
    ("shifted", 5): ("missing", "NUMERIC 1.0", None),
    ("shifted", 6): ("extra", None, "NUMERIC 1.0"),
}


async def spoil(bench: Bench) -> None:
    """Make PostgreSQL differ as DIFFERENCES says."""
    await bench.both(batch(1, TIMES, **EVERY_KIND))
    changed: dict[str, list[Any]] = {
        "number": [0.5000000000000001, 0.0, None, 0.0],
        "integer": [2**53, None, 7.0, None],
        "flag": [None, True, None, None],
        "json": [None, Json("[9007199254740992]"), None, None],
        "meta_site": [None, None, "C", None],
        "meta_other": [None, 1, None, None],
        "unknown": [1.0, None, None, None],
    }
    for name, cells in changed.items():
        rows = [row for row, cell in enumerate(cells) if cell is not None]
        for row in rows:
            await bench.postgres.write([point(1, TIMES[row], name, cells[row])])
    await bench.postgres.delete(Selection((1,), ("text",), TimeRange(T0, T0 + MS)))
    await bench.postgres.write([point(1, T0 + 9 * MS, "flag", True), point(1, T0 + 6 * MS, "shifted", 1.0)])
    await bench.iotdb.write([point(1, T0 + 5 * MS, "shifted", 1.0)])


async def test_every_difference_is_found_and_named_with_both_values(bench: Bench) -> None:
    await spoil(bench)
    job = await bench.verified(spec())
    assert told(await bench.findings.listed(job.id)) == DIFFERENCES
    assert {failure.code: failure.count for failure in job.progress.failures} == {
        "MISSING_OPEN": 2,
        "MISMATCHED_OPEN": 8,
        "EXTRA_OPEN": 4,
    }
    assert job.report is not None
    assert (job.report["open"], job.report["by_device"]["1"]["extra"]) == (14, 4)
    assert len(job.report["differences"]) == 14


@pytest.mark.parametrize("allowed", [("missing",), ("mismatched",), ("extra",), ("extra", "mismatched", "missing")])
async def test_only_what_is_allowed_is_put_right(bench: Bench, allowed: tuple[str, ...]) -> None:
    await spoil(bench)
    job = await bench.verified(spec(*allowed))
    listed = await bench.findings.listed(job.id)
    assert {(one.kind, one.outcome) for one in listed} == {
        (kind, "CORRECTED" if kind in allowed else "OPEN") for kind in ("missing", "mismatched", "extra")
    }
    again = await bench.verified(spec())
    left = {key: one for key, one in DIFFERENCES.items() if one[0] not in allowed}
    assert told(await bench.findings.listed(again.id)) == left
    if len(allowed) == 3:
        assert await content(bench.postgres, 1) == await content(bench.iotdb, 1)


async def test_nothing_is_put_right_in_the_store_that_is_read_by_now(bench: Bench) -> None:
    await bench.both(batch(1, TIMES, **EVERY_KIND))
    await bench.postgres.write([batch(1, [T0 + 9 * MS], number=[9.0])])
    right = await content(bench.postgres, 1)

    def turn() -> float:
        """Asked while it is found out whether the difference stays."""
        bench.pair = Pair(bench.postgres, bench.iotdb)
        return 0.0

    bench.lag = turn
    job = await bench.verified(spec("extra"))
    assert (job.state, job.error) == (JobState.FAILED, "the stores have changed their places: verify again")
    assert await content(bench.postgres, 1) == right


async def test_points_that_are_written_all_the_while_are_no_differences(bench: Bench) -> None:
    """PostgreSQL has each write later, by as much as it lags."""
    is_over = asyncio.Event()

    async def write() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            rows = [T0 + row * MS for row in range(number, number + 20)]
            one = batch(1, rows, n=[float(number)] * 20, t=[f"text {number}"] * 20)
            await bench.iotdb.write([one])
            await asyncio.sleep(0.05)
            await bench.postgres.write([one])

    # Lest the first write be later than the plan, which would find no device at all.
    await bench.both(batch(1, [T0], n=[0.0], t=["text 0"]))
    writer = asyncio.create_task(write())
    try:
        job = await bench.verified(spec())
    finally:
        is_over.set()
        await writer
    assert job.report is not None
    assert (job.state, job.report["differing"]) == (JobState.SUCCEEDED, 0)
    assert job.report["points"] > 0


async def test_what_iotdb_itself_rounds_is_told_apart(bench: Bench, iotdb_settings: IotdbSettings) -> None:
    path = f"{iotdb_settings.database}.devices.device_1"
    server = IotdbServer(str(iotdb_settings.host), iotdb_settings.port)
    execute(server, f"CREATE TIMESERIES {path}.rounded WITH DATATYPE=DOUBLE, ENCODING=RLE")
    await bench.both(batch(1, TIMES[:2], rounded=[1.23456, 2.0], exact=[1.23456, 2.0]))
    execute(server, "FLUSH")
    job = await bench.verified(spec("mismatched"))
    assert job.report is not None
    assert (job.report["changed"], job.report["differing"], job.report["corrected"]) == (1, 0, 0)
    (one,) = await bench.findings.listed(job.id)
    assert (one.place.measurement, one.secondary, one.outcome) == ("rounded", "NUMERIC 1.23456", "CHANGED")


async def test_a_killed_verification_goes_on_and_finds_each_difference_once(bench: Bench) -> None:
    for device in range(1, 4):
        await bench.both(batch(device, TIMES, n=[1.0] * 4))
        await bench.postgres.write([point(device, T0, "n", 2.0)])
    first = bench.parts("one")
    first.runner.start()
    job = await first.jobs.start(spec(), JobPace(workers=1), "test")
    async with asyncio.timeout(60):
        async for shown in first.jobs.watch(job.id):
            if shown.progress.chunks_done:
                break
    await first.runner.stop()
    second = bench.parts("two")
    second.runner.start()
    try:
        async with asyncio.timeout(60):
            async for last in second.jobs.watch(job.id):
                job = last
    finally:
        await second.runner.stop()
    assert job.report is not None
    assert (job.report["mismatched"], job.report["devices"], job.report["points"]) == (3, 3, 12)
    assert len(await bench.findings.listed(job.id)) == 3


async def test_the_page_lists_what_differed_and_is_sound(bench: Bench) -> None:
    await spoil(bench)
    odd = "<b>&\u2028`"
    await bench.postgres.write([batch_of(2, [T0], {odd: ["</td><script>"]})])
    job = await bench.verified(spec())
    page = page_of("A <title>", await bench.findings.parts(job.id), await bench.findings.listed(job.id))
    tree = fromstring(page.removeprefix("<!DOCTYPE html>"))
    cells = ["".join(cell.itertext()) for cell in tree.iter("td")]
    assert {odd, "TEXT </td><script>", "NUMERIC nan", f"INTEGER {2**53 + 1}"} <= set(cells)
    assert "15 points differ." in page
    assert len(tree.findall(".//{http://www.w3.org/2000/svg}svg")) == 2


async def test_a_sample_compares_a_part_of_a_long_history(bench: Bench) -> None:
    times = np.arange(200_000, dtype=np.int64) * MS + T0
    column = Column("n", Kind.NUMERIC, np.arange(200_000, dtype=np.float64))
    await bench.both(Batch(1, times, (column,)))
    sample = JobSpec(JobKind.VERIFICATION, options={"sample_share": 0.5, "autocorrect": []})
    job = await bench.verified(sample)
    assert job.report is not None
    assert 0 < job.report["points"] < 200_000
    assert job.report["differing"] == 0


async def test_devices_and_measurements_are_chosen(bench: Bench) -> None:
    await spoil(bench)
    await bench.iotdb.write([point(2, T0, "number", 1.0)])
    job = await bench.verified(spec(scope=JobScope(devices=(1,), measurements=("flag", "unknown"))))
    names = {one.place.measurement for one in await bench.findings.listed(job.id)}
    assert names == {"flag", "unknown", "meta_site", "meta_other"}


async def test_a_continuous_verification_finds_in_its_next_round_what_differs_since(bench: Bench) -> None:
    await bench.both(batch(1, [T0, T0 + MS], n=[1.0, 2.0]))
    async with bench.running() as jobs, asyncio.timeout(100):
        job_id = (await jobs.start(spec(continuous=True), JobPace(), "test")).id

        async def has_reported(open_points: int) -> bool:
            job = await jobs.get(job_id)
            assert job.state in (JobState.PENDING, JobState.RUNNING)
            return job.report is not None and job.report["open"] == open_points

        async def lists_it() -> bool:
            # The list is of the round that is under way, and empty at its begin.
            return told(await bench.findings.listed(job_id)) == {("n", 1): ("mismatched", "NUMERIC 2.0", "NUMERIC 3.0")}

        await until_told(lambda: has_reported(0))
        await bench.postgres.write([point(1, T0 + MS, "n", 3.0)])
        await until_told(lambda: has_reported(1))
        await until_told(lists_it)
        await bench.postgres.write([point(1, T0 + MS, "n", 2.0)])
        await until_told(lambda: has_reported(0))
        await jobs.cancel(job_id)
        assert (await jobs.get(job_id)).progress.rounds >= 3


async def test_nothing_is_compared_where_only_one_store_is_written(bench: Bench) -> None:
    bench.pair = None
    with pytest.raises(JobObjectedError, match="does not write both"):
        await bench.parts().jobs.start(spec(), JobPace(), "test")
