"""IoTDB's history in files: exact, whole or not at all, and good enough to bring everything back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.migration.archive.archive import Archives
from iotflow_server.migration.archive.checking import compare_archive
from iotflow_server.migration.archive.evidence import ArchiveEvidence
from iotflow_server.migration.archive.manifest import ArchiveError, check_files, read_manifest
from iotflow_server.migration.archive.restoring import owners_of, restore
from iotflow_server.migration.archive.writer import read_batches
from iotflow_server.migration.jobs.job import Job, JobObjectedError
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobScope, JobSpec, JobState
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.history import IotdbHistory
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import TelemetryStore
from tests.integration.migration.counting_work import unrehearsed
from tests.support.batches import MS, SECOND, T0, Json, Points, batch, batch_of, point, points_of
from tests.support.iotdb import IotdbServer, execute
from tests.support.waiting import until_told

DEVICES = tuple(range(1, 10))
FILE_POINTS = 1_000
BIG = 5
ROWS = 4_000


@asynccontextmanager
async def archiving(
    settings: IotdbSettings, postgres: PostgresStore, owners: dict[int, int], phase: Phase = Phase.POSTGRES_ONLY
) -> AsyncIterator[JobParts]:
    def owner_of(device: int) -> int:
        return owners.get(device, 0)

    history = IotdbHistory(settings, owner_of, 4)
    parts = JobParts.of(
        postgres.pool, "test", lambda: 4, str, lambda _: None, lease_seconds=30, settings=RunSettings(1, 1)
    )
    archives = Archives(history, lambda: phase, owner_of, FILE_POINTS)
    parts.kinds.offer(JobKind.ARCHIVE, archives, archives.objection, unrehearsed)
    parts.runner.start()
    try:
        yield parts
    finally:
        await parts.runner.stop()
        history.close()


async def start(parts: JobParts, folder: Path, scope: JobScope | None = None, rate: int = 0) -> Job:
    spec = JobSpec(JobKind.ARCHIVE, scope or JobScope(), {"folder": str(folder)})
    return await parts.jobs.start(spec, JobPace(points_per_second={StoreName.IOTDB: rate} if rate else {}), "test")


async def ended(parts: JobParts, started: Job) -> Job:
    async for job in parts.jobs.watch(started.id):
        last = job
    return last


async def fill(iotdb: IotdbStore, owners: dict[int, int]) -> Points:
    owners |= {2: 7, BIG: 8}
    rows = np.arange(ROWS)
    await iotdb.write(
        [
            batch_of(
                1,
                [T0 + row * MS for row in range(7)],
                {
                    "double": [0.1, -0.0, 5e-324, float("inf"), float("-inf"), float("nan"), 1 / 3],
                    "integer": [2**53 + 1, -(2**63), 2**63 - 1, 0, None, -1, 5],
                    "text": ["", "null", '"quoted"', "😀 é", "x" * 100_000, "a\nb\t", "{"],
                    "json": [Json('{"a": 9007199254740993}'), Json("[]"), Json("null"), None, None, None, Json("1.50")],
                    "bool": [True, False, None, True, None, None, False],
                    "ünïcode 😀.name": [1.0, None, None, None, None, None, 2.0],
                    "meta_site": ["north", None, "south", None, None, None, None],
                },
            ),
            batch(2, [T0], a=[1.5], meta_site=["of a user"]),
            batch(3, [T0], meta_only=["a record of metadata alone"]),
            Batch(
                BIG,
                T0 + rows * SECOND,
                (Column("a", Kind.NUMERIC, np.sin(rows)), Column("n", Kind.INTEGER, 2**60 + rows)),
            ),
        ]
    )
    return await all_of(iotdb)


async def all_of(store: TelemetryStore) -> Points:
    return points_of([batch async for batch in store.scan(Selection(DEVICES, scope=Scope.BOTH))])


async def in_files(folder: Path) -> Points:
    files = read_manifest(folder).files
    return points_of([batch for file in files async for batch in read_batches(folder / file.name)])


async def test_an_archive_holds_every_value_and_brings_it_back(
    tmp_path: Path,
    iotdb_store: IotdbStore,
    iotdb_settings: IotdbSettings,
    postgres_store: PostgresStore,
    owners: dict[int, int],
) -> None:
    expected = await fill(iotdb_store, owners)
    async with archiving(iotdb_settings, postgres_store, owners) as parts:
        job = await ended(parts, await start(parts, tmp_path / "archive"))
    assert job.state is JobState.SUCCEEDED, job
    folder = tmp_path / "archive"
    manifest = read_manifest(folder)
    assert await in_files(folder) == expected
    assert manifest.points == job.progress.points_done == len(expected)
    assert len(manifest.files) > 4
    assert owners_of(manifest) == {1: 0, 2: 7, 3: 0, BIG: 8}
    assert check_files(folder, manifest.files) == []
    assert not list(folder.glob("*.part"))

    assert (await compare_archive(folder, manifest, postgres_store)).differing == len(expected)
    await postgres_store.write([point(2, T0, "a", 99.0)])
    filler = postgres_store.filler(2)
    restored = await restore(folder, manifest, filler)
    await filler.close()
    assert (restored.points, restored.refused) == (len(expected), [])
    found = await compare_archive(folder, manifest, postgres_store)
    assert (found.differing, [sample.partition(":")[0] for sample in found.samples]) == (1, ["device 2, 'a'"])
    await postgres_store.write([point(2, T0, "a", 1.5)])
    assert await all_of(postgres_store) == expected

    first = folder / manifest.files[0].name
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    (folder / manifest.files[1].name).unlink()
    damaged, missing = check_files(folder, manifest.files)
    assert "is damaged" in damaged
    assert "is missing" in missing


async def test_bytes_and_other_types_come_back_from_an_archive(
    tmp_path: Path,
    iotdb_server: IotdbServer,
    iotdb_store: IotdbStore,
    iotdb_settings: IotdbSettings,
    postgres_store: PostgresStore,
    owners: dict[int, int],
) -> None:
    device = f"{iotdb_settings.database}.devices.device_1"
    natives = {"x": "BLOB", "i": "INT32", "f": "FLOAT", "t": "TIMESTAMP", "d": "DATE", "s": "STRING"}
    for name, native in natives.items():
        execute(iotdb_server, f"CREATE TIMESERIES {device}.{name} {native} ENCODING=PLAIN")
    values = "X'', X'fffe00'", "-2147483648, 2147483647", "0.1, -0.0", "0, 1700000000000", "'1000-01-01', '9999-12-31'"
    columns = [value.split(", ") for value in (*values, "'', 'null'")]
    rows = ", ".join(f"({row}, {', '.join(column[row] for column in columns)})" for row in (0, 1))
    execute(iotdb_server, f"INSERT INTO {device}(time, {', '.join(natives)}) VALUES {rows}")
    bytes_as_text = [Json('{"iotflow_bytes": "//4A"}'), Json('{"iotflow_bytes": "gA=="}')]
    await iotdb_store.write([batch(1, [0, MS], text=bytes_as_text, meta_blob=bytes_as_text)])
    expected = await all_of(iotdb_store)
    assert len(expected) == 16

    async with archiving(iotdb_settings, postgres_store, owners) as parts:
        await ended(parts, await start(parts, tmp_path / "archive"))
    folder, manifest = tmp_path / "archive", read_manifest(tmp_path / "archive")
    assert await in_files(folder) == expected
    filler = postgres_store.filler(2)
    assert (await restore(folder, manifest, filler)).refused == []
    await filler.close()
    assert await all_of(postgres_store) == expected
    assert (await compare_archive(folder, manifest, postgres_store)).differing == 0


async def test_an_archive_goes_on_where_it_was_cut_off_and_is_none_before_its_end(
    tmp_path: Path,
    iotdb_store: IotdbStore,
    iotdb_settings: IotdbSettings,
    postgres_store: PostgresStore,
    owners: dict[int, int],
) -> None:
    expected = await fill(iotdb_store, owners)
    folder = tmp_path / "archive"
    async with archiving(iotdb_settings, postgres_store, owners) as parts:
        started = await start(parts, folder, rate=1_000)

        async def is_on_its_way() -> bool:
            return (await parts.jobs.get(started.id)).progress.chunks_done >= 2

        await until_told(is_on_its_way)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    assert before
    with pytest.raises(ArchiveError, match="was not finished"):
        read_manifest(folder)
    async with archiving(iotdb_settings, postgres_store, owners) as parts:
        assert (await parts.jobs.get(started.id)).progress.chunks_done >= 2
        await parts.jobs.set_pace(started.id, JobPace())
        job = await ended(parts, started)
    assert job.state is JobState.SUCCEEDED, job
    done = [name for name, at in before.items() if (folder / name).stat().st_mtime_ns == at]
    assert len(done) >= 2
    assert await in_files(folder) == expected


async def test_iotdb_is_given_up_only_with_a_whole_archive_of_this_phase(
    tmp_path: Path,
    iotdb_store: IotdbStore,
    iotdb_settings: IotdbSettings,
    postgres_store: PostgresStore,
    owners: dict[int, int],
) -> None:
    await iotdb_store.write([batch(1, [T0], a=[1.5])])
    epoch = 4
    evidence = ArchiveEvidence(JobTable(postgres_store.pool), lambda: epoch)

    async def guards() -> dict[str, bool]:
        found = await evidence.guards(Phase.POSTGRES_ONLY, Phase.DECOMMISSIONED)
        return {guard.name: guard.satisfied for guard in found}

    assert await evidence.guards(Phase.READ_POSTGRES, Phase.POSTGRES_ONLY) == ()
    assert await guards() == {"iotdb_archived": False}
    async with archiving(iotdb_settings, postgres_store, owners) as parts:
        await ended(parts, await start(parts, tmp_path / "some", JobScope(devices=(1,))))
        assert await guards() == {"iotdb_archived": False}
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "theirs").touch()
        failed = await ended(parts, await start(parts, tmp_path / "taken"))
        assert (failed.state, "is not empty" in failed.error) == (JobState.FAILED, True)
        assert await guards() == {"iotdb_archived": False}
        await ended(parts, await start(parts, tmp_path / "whole"))
        assert await guards() == {"iotdb_archived": True, "archive_without_findings": True}
        with pytest.raises(JobObjectedError, match="name it from the root"):
            await start(parts, Path("relative"))
    epoch = 6
    assert await guards() == {"iotdb_archived": False}
    async with archiving(iotdb_settings, postgres_store, owners, Phase.READ_POSTGRES) as parts:
        with pytest.raises(JobObjectedError, match="advance to POSTGRES_ONLY first"):
            await start(parts, tmp_path / "more")
