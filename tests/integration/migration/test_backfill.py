"""History of both old layouts is carried to PostgreSQL as it is, and what cannot be carried is told by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.migration.backfill import joining
from iotflow_server.migration.backfill.evidence import BackfillEvidence
from iotflow_server.migration.jobs.job import JobObjectedError
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobScope, JobSpec, JobState
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.filling import Filling
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import TimeRange
from tests.integration.migration.backfill_bed import Bed, backfill_bed
from tests.support.batches import MS, SECOND, T0, Json, batch, batch_of, point, points_of
from tests.support.iotdb import IotdbServer, raw_session
from tests.support.service import unsatisfied
from tests.support.waiting import until_told

CHUNK_POINTS = 1_000
#: Claims, marks, locks, and tables that are not there for good.
_LEFT_BEHIND = (
    "SELECT * FROM dirty_ranges",
    "SELECT * FROM migration_jobs WHERE leased_by IS NOT NULL OR leased_until IS NOT NULL",
    "SELECT * FROM migration_job_chunks WHERE state NOT IN ('WAITING', 'DONE')",
    "SELECT * FROM migration_job_findings",
    "SELECT FROM pg_locks, pg_database WHERE oid = database AND locktype = 'advisory' AND datname = current_database()",
    "SELECT * FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
)


@pytest.fixture
async def bed(
    iotdb_store: IotdbStore, iotdb_settings: IotdbSettings, postgres_store: PostgresStore, owners: dict[int, int]
) -> AsyncIterator[Bed]:
    async with backfill_bed(iotdb_store, iotdb_settings, postgres_store, owners, CHUNK_POINTS) as bed:
        yield bed


@pytest.fixture
def raw(iotdb_server: IotdbServer) -> Iterator[Session]:
    with raw_session(iotdb_server) as session:
        yield session


@pytest.fixture
def older(iotdb_settings: IotdbSettings) -> str:
    return f"{iotdb_settings.database}.devices"


@pytest.fixture
def users(iotdb_settings: IotdbSettings) -> str:
    return f"{iotdb_settings.database}.users"


def long_history(device: int, rows: int) -> Batch:
    timestamps = T0 + np.arange(rows) * SECOND
    numbers = np.random.default_rng(device).normal(size=rows)
    counts = 2**60 + np.arange(rows)
    sites = Column("meta_site", Kind.NUMERIC, numbers[::7], np.arange(rows)[::7])
    return Batch(device, timestamps, (Column("a", Kind.NUMERIC, numbers), Column("n", Kind.INTEGER, counts), sites))


async def test_every_value_arrives_as_it_is(bed: Bed, owners: dict[int, int]) -> None:
    owners[2] = 7
    texts = ["", "null", '"quoted"', "😀 é", "x" * 100_000, "a\nb\t", "{"]
    await bed.iotdb.write(
        [
            batch_of(
                1,
                [T0 + row * MS for row in range(7)],
                {
                    "double": [0.1, -0.0, 5e-324, float("inf"), float("-inf"), float("nan"), 1 / 3],
                    "integer": [2**53 + 1, -(2**63), 2**63 - 1, 0, None, -1, 5],
                    "text": texts,
                    "json": [Json('{"a": 9007199254740993}'), Json("[]"), Json("null"), None, None, None, Json("1.50")],
                    "bool": [True, False, None, True, None, None, False],
                    "ünïcode 😀.name": [1.0, None, None, None, None, None, 2.0],
                    "meta_site": ["north", None, "south", None, None, None, None],
                },
            ),
            batch(2, [T0], a=[1.5], meta_site=["of a user"]),
            batch(3, [T0], meta_only=["a record of metadata alone"]),
            batch(4, [T0 - 60_000_000 * SECOND, T0 + 200_000_000 * SECOND], a=[1.0, 2.0]),
        ]
    )
    job = await bed.backfill()
    assert (job.state, job.progress.open_findings) == (JobState.SUCCEEDED, 0)
    carried = await bed.in_postgres()
    assert carried == await bed.in_iotdb()
    assert len(carried) == job.progress.points_done == job.progress.points_total
    assert {device for _, device, _ in carried} == {1, 2, 3, 4}


async def test_a_long_history_is_carried_in_chunks(bed: Bed) -> None:
    await bed.iotdb.write([long_history(1, 5_000), long_history(2, 30), long_history(3, 40)])
    job = await bed.backfill()
    assert job.state is JobState.SUCCEEDED
    assert await bed.in_postgres() == await bed.in_iotdb()
    assert 10 < job.progress.chunks_total < 40
    assert job.progress.points_done == job.progress.points_total
    assert job.report is not None
    assert job.report["points"] == job.progress.points_total


async def test_a_history_that_lies_close_together_in_a_long_time_is_carried_in_chunks(bed: Bed) -> None:
    # A device whose clock was wrong once, and will be once more.
    await bed.iotdb.write([point(1, 0, "a", 1.0), long_history(1, 2_500), point(1, 2 * T0, "a", 1.0)])
    job = await bed.backfill()
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert job.progress.chunks_total > 4
    assert await bed.in_postgres() == await bed.in_iotdb()


async def test_what_is_there_is_left_as_it_is(bed: Bed) -> None:
    await bed.iotdb.write([batch(1, [T0, T0 + SECOND, T0 + 2 * SECOND], a=[1.0, 2.0, 3.0], b=[1, 2, 3])])
    newer = batch(1, [T0, T0 + SECOND], a=[10.0, None], b=[None, 20])
    await bed.postgres.write([newer])
    for _ in range(2):
        assert (await bed.backfill()).state is JobState.SUCCEEDED
        found = {(moment - T0, name): value for (moment, _, name), (_, value) in (await bed.in_postgres()).items()}
        expected = {**_of([1.0, 2.0, 3.0], "a"), **_of([1, 2, 3], "b"), **_of([10.0], "a"), (SECOND, "b"): 20}
        assert {key: _plain(value) for key, value in found.items()} == expected


def _of(values: list[float] | list[int], name: str) -> dict[tuple[int, str], float]:
    return {(row * SECOND, name): value for row, value in enumerate(values)}


def _plain(value: object) -> object:
    return np.frombuffer(value, ">f8")[0] if isinstance(value, bytes) else value


async def test_other_types_of_iotdb_are_mapped(bed: Bed, raw: Session, older: str) -> None:
    natives = {"i": "INT32", "f": "FLOAT", "t": "TIMESTAMP", "d": "DATE", "s": "STRING", "x": "BLOB"}
    for name, native in natives.items():
        raw.execute(f"CREATE TIMESERIES {older}.device_1.{name} {native} ENCODING=PLAIN")
    raw.execute(
        f"INSERT INTO {older}.device_1(time, i, f, t, d, s, x) "
        "VALUES (1, -2147483648, 0.1, 1700000000000, '2024-02-29', '{\"a\": 1}', X'fffe00')"
    )
    job = await bed.backfill()
    assert (job.state, job.progress.open_findings) == (JobState.SUCCEEDED, 0)
    carried = await bed.in_postgres()
    assert carried == await bed.in_iotdb()
    mapped: dict[str, list[Any]] = {
        "i": [-(2**31)], "f": [0.10000000149011612], "t": [1_700_000_000_000], "d": ["2024-02-29"],
        "s": [Json('{"a": 1}')], "x": [Json('{"iotflow_bytes": "//4A"}')],
    }  # fmt: skip
    assert carried == points_of([batch_of(1, [MS], mapped)])


async def test_the_users_layout_wins_and_each_conflict_is_told(bed: Bed, raw: Session, older: str, users: str) -> None:
    raw.execute(f"INSERT INTO {older}.device_1(time, a, b) VALUES (1, 1.0, 1.0), (2, 2.0, 2.0), (3, 3.0, null)")
    raw.execute(f"INSERT INTO {users}.user_7.devices.device_1(time, a, b) VALUES (2, 20.0, 2.0), (3, 30.0, 3.0)")
    job = await bed.backfill()
    assert (job.state, job.progress.open_findings) == (JobState.SUCCEEDED, 0)
    carried = await bed.in_postgres()
    assert carried == await bed.in_iotdb()
    assert len(carried) == 6
    (conflict,) = (await bed.findings(job))["LAYOUT_CONFLICT"]
    assert conflict.finding.subject.endswith("`devices`.`device_1`.`a` in 1970-01")
    assert conflict.finding.points == 2
    assert "20.0 instead of 2.0" in conflict.finding.detail
    assert conflict.finding.is_informational


async def test_conflicts_are_listed_by_series_and_month(bed: Bed, owners: dict[int, int]) -> None:
    months = {"2023-11": T0, "2023-12": T0 + 30 * 86_400 * SECOND, "2024-03": T0 + 120 * 86_400 * SECOND}
    rows = CHUNK_POINTS + 200
    for user in (0, 7):
        owners[1] = user
        for start in months.values():
            await bed.iotdb.write([batch(1, [start + row * SECOND for row in range(rows)], a=[float(user)] * rows)])
    found = (await bed.findings(await bed.backfill()))["LAYOUT_CONFLICT"]
    assert {each.finding.subject[-7:]: each.finding.points for each in found} == dict.fromkeys(months, rows)
    for each in found:
        assert f"at {each.finding.subject[-7:]}-" in each.finding.detail
        assert "7.0 instead of 0.0" in each.finding.detail


async def test_what_cannot_be_carried_is_told_by_name(bed: Bed, raw: Session, older: str, users: str) -> None:
    raw.execute(f"INSERT INTO {older}.pump(time, a) VALUES (1, 1.0)")
    raw.execute(f"INSERT INTO {users}.user_x.devices.device_1(time, a) VALUES (1, 1.0)")
    raw.execute(f"INSERT INTO {older}.device_1.sub(time, a) VALUES (1, 1.0)")
    raw.execute(f"CREATE TIMESERIES {older}.device_1.room.temperature DOUBLE")
    raw.execute(f"CREATE TIMESERIES {older}.device_1.empty DOUBLE")
    raw.execute(f"CREATE TIMESERIES {older}.device_1.rounded DOUBLE ENCODING=RLE")
    raw.execute(f"CREATE TIMESERIES {older}.device_1.sprintz INT64 ENCODING=SPRINTZ")
    raw.execute(f"CREATE TIMESERIES {older}.device_1.rlbe INT64 ENCODING=RLBE")
    thinning = "WITH DATATYPE=DOUBLE, ENCODING=GORILLA, DEADBAND=SDT, COMPDEV=1"
    raw.execute(f"CREATE TIMESERIES {older}.device_1.thinned {thinning}")
    raw.execute(f"INSERT INTO {older}.device_1(time, rounded, thinned, sprintz, rlbe) VALUES (1, 1.0, 1.0, 1, 1)")
    raw.execute(f"INSERT INTO {older}.device_1(time, rounded) VALUES (-99135596800000, 1.0)")
    job = await bed.backfill()
    assert job.state is JobState.SUCCEEDED
    found = await bed.findings(job)
    open_subjects = {
        code: sorted(each.finding.subject.replace("`", "").split("devices.")[-1] for each in recorded)
        for code, recorded in found.items()
        if not recorded[0].finding.is_informational or code == "NESTED_SERIES"
    }
    assert open_subjects == {
        "UNMAPPABLE_PATH": ["device_1", "pump"],
        "NESTED_SERIES": ["device_1.room", "device_1.sub"],
        "LOSSY_ENCODING": [f"device_1.{name}" for name in ("rlbe", "rounded", "sprintz", "thinned")],
        "UNCARRIABLE_TIME": ["device_1.rounded"],
    }
    assert {each.finding.subject.split(".")[-1] for each in found["EMPTY_SERIES"]} == {"empty"}
    assert job.progress.open_findings == 8
    assert job.report is not None
    assert {each["code"] for each in job.report["findings"]} == {*open_subjects, "EMPTY_SERIES"}
    assert await bed.in_postgres() == {key: value for key, value in (await bed.in_iotdb()).items() if key[0] > 0}


async def test_values_that_postgres_refuses_are_told_and_the_others_carried(bed: Bed) -> None:
    rows = 300
    texts = [f"text {row}" for row in range(rows)]
    texts[17], texts[203] = "a\0b", "\0"
    jsons: list[Json | None] = [None] * rows
    jsons[3], jsons[40], jsons[41] = Json('{"a": "\\u0000"}'), Json('{"a": "\\\\u0000"}'), Json('["\\ud800"]')
    timestamps = [T0 + row * SECOND for row in range(rows)]
    await bed.iotdb.write([batch_of(1, timestamps, {"t": texts, "j": jsons}), point(2, T0, "t", "good")])
    job = await bed.backfill()
    refused = {(T0 + row * SECOND, 1, name) for row, name in ((17, "t"), (203, "t"), (3, "j"), (41, "j"))}
    expected = {key: value for key, value in (await bed.in_iotdb()).items() if key not in refused}
    assert await bed.in_postgres() == expected
    assert job.state is JobState.SUCCEEDED
    assert job.progress.open_findings == 2
    findings = {each.finding.subject: each.finding for each in (await bed.findings(job))["VALUE_REFUSED"]}
    assert {subject: each.points for subject, each in findings.items()} == {"device 1, 't'": 2, "device 1, 'j'": 2}
    (failure,) = job.progress.failures
    assert (failure.code, failure.count) == ("VALUE_REFUSED", 4)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (JobScope(devices=(2, 3)), {(2, "a"), (2, "b"), (2, "meta_m"), (3, "a"), (3, "b"), (3, "meta_m")}),
        (JobScope(user_id=7), {(3, "a"), (3, "b"), (3, "meta_m")}),
        (JobScope(measurements=("b",), devices=(1,)), {(1, "b"), (1, "meta_m")}),
        (JobScope(devices=(1,), time_range=TimeRange(T0 + 5 * SECOND, T0 + 9 * SECOND)), set()),
    ],
    ids=["devices", "user", "measurements", "time"],
)
async def test_only_what_was_asked_for_is_carried(
    bed: Bed, owners: dict[int, int], scope: JobScope, expected: set[tuple[int, str]]
) -> None:
    owners[3] = 7
    await bed.iotdb.write([batch(device, [T0], a=[1.0], b=[2], meta_m=["x"]) for device in (1, 2, 3)])
    await bed.backfill(scope)
    assert {(device, name) for _, device, name in await bed.in_postgres()} == expected


async def test_a_cancelled_backfill_leaves_nothing_behind_but_rows(bed: Bed, postgres_store: PostgresStore) -> None:
    await bed.iotdb.write([long_history(device, 3_000) for device in (1, 2)])
    jobs = bed.parts.jobs
    slowly = JobPace(points_per_second={StoreName.POSTGRES: 2 * CHUNK_POINTS})
    job = await jobs.start(JobSpec(JobKind.BACKFILL), slowly, "test")

    async def has_carried_some() -> bool:
        return (await jobs.get(job.id)).progress.chunks_done > 0

    async def is_let_go() -> bool:
        return not (await jobs.get(job.id)).instance

    await until_told(has_carried_some)
    assert (await jobs.cancel(job.id)).state is JobState.CANCELLED
    await until_told(is_let_go)
    carried, history = await bed.in_postgres(), await bed.in_iotdb()
    assert 0 < len(carried) < len(history)
    assert carried.items() <= history.items()
    async with postgres_store.pool.connection() as connection:
        assert [await connection.fetch(statement) for statement in _LEFT_BEHIND] == [[]] * len(_LEFT_BEHIND)
    assert await bed.in_postgres() == carried

    again = await bed.backfill()
    assert (again.state, again.progress.open_findings) == (JobState.SUCCEEDED, 0)
    assert again.progress.points_done == again.progress.points_total == len(history)
    assert await bed.in_postgres() == history == await bed.in_iotdb()


async def test_a_backfill_is_only_for_the_phase_that_writes_both_and_reads_iotdb(bed: Bed) -> None:
    reasons = {Phase.PREPARATION: "advance to DUAL_WRITE first", Phase.READ_POSTGRES: "PostgreSQL is what counts"}
    for phase, words in reasons.items():
        bed.phase = phase
        with pytest.raises(JobObjectedError, match=words):
            await bed.backfill()


def since(epoch: int) -> Callable[[], Awaitable[int]]:
    """Says since when backfills count."""

    async def say() -> int:
        return epoch

    return say


async def test_nothing_more_is_carried_once_postgresql_is_read(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deleted from then on must not come back, and who deletes does not wait for long."""
    fill = Filling.fill

    async def fill_and_turn(self: Filling, batches: Sequence[Batch]) -> int:
        count = await fill(self, batches)
        bed.phase = Phase.READ_POSTGRES
        return count

    monkeypatch.setattr(Filling, "fill", fill_and_turn)
    monkeypatch.setattr(joining, "_FILL_VALUES", 1)
    await bed.iotdb.write([batch(device, [T0], a=[1.0]) for device in (1, 2, 3)])
    job = await bed.backfill()
    assert (job.state, job.error) == (JobState.FAILED, "the phase is READ_POSTGRES")
    assert {device for _, device, _ in await bed.in_postgres()} == {1}


async def test_the_phase_waits_for_a_backfill_and_for_what_it_could_not_carry(
    bed: Bed, raw: Session, older: str
) -> None:
    table, leave_iotdb = JobTable(bed.postgres.pool), (Phase.DUAL_WRITE, Phase.READ_POSTGRES)
    required = BackfillEvidence(table, since(1), is_required=True)
    assert unsatisfied(await required.guards(*leave_iotdb)) == ["backfill_complete"]
    assert unsatisfied(await BackfillEvidence(table, since(1), is_required=False).guards(*leave_iotdb)) == []
    raw.execute(f"INSERT INTO {older}.pump(time, a) VALUES (1, 1.0)")
    await bed.backfill(JobScope(devices=(1,)))
    assert unsatisfied(await required.guards(*leave_iotdb)) == ["backfill_complete"]
    job = await bed.backfill()
    assert unsatisfied(await required.guards(*leave_iotdb)) == ["backfill_findings_waived"]
    for step in ((Phase.POSTGRES_ONLY, Phase.DECOMMISSIONED), leave_iotdb):
        assert unsatisfied(await required.guards(*step)) == ["backfill_findings_waived"]
    assert await required.guards(Phase.PREPARATION, Phase.DUAL_WRITE) == ()
    await bed.parts.jobs.waive(job.id, "UNMAPPABLE_PATH", "", "me", "a test rig")
    assert unsatisfied(await required.guards(*leave_iotdb)) == []
    entered_again = BackfillEvidence(table, since(3), is_required=True)
    assert unsatisfied(await entered_again.guards(*leave_iotdb)) == ["backfill_complete"]
