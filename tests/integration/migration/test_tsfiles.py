"""The files of a stopped IoTDB are carried as it held them, or it is said by name what is not."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from iotflow_server.cli.tsfiles import tsfiles
from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import T0, Points, point, points_of
from tests.support.iotdb import execute, settings_for, start_or_skip

pytestmark = pytest.mark.timeout(300)

DEVICES = (1, 2, 3)
ROWS = 2_500
MS0 = T0 // 1000
#: Written by each row, in types and encodings that the wheel reads.
NATIVES = {
    "d": ("DOUBLE ENCODING=GORILLA", "0.1"),
    "p": ("DOUBLE ENCODING=PLAIN", "-0.0"),
    "n": ("INT64 ENCODING=TS_2DIFF", "9223372036854775807"),
    "i": ("INT32 ENCODING=TS_2DIFF", "-2147483648"),
    "f": ("FLOAT ENCODING=GORILLA", "0.1"),
    "t": ("TEXT ENCODING=PLAIN", "'é 😀'"),
    "e": ("TEXT ENCODING=PLAIN", "''"),
    "j": ("TEXT ENCODING=PLAIN", "'{\"a\": [1, 2]}'"),
    "s": ("STRING ENCODING=DICTIONARY", "'null'"),
    "o": ("BOOLEAN ENCODING=PLAIN", "true"),
    "x": ("BLOB ENCODING=PLAIN", "X'00ff00fe'"),
    "m": ("TIMESTAMP ENCODING=TS_2DIFF", "1700000000000"),
    "y": ("DATE ENCODING=TS_2DIFF", "'2024-02-29'"),
    "`a b.c`": ("DOUBLE ENCODING=GORILLA COMPRESSOR=ZSTD", "1.5"),
    "meta_site": ("TEXT ENCODING=PLAIN COMPRESSOR=SNAPPY", "'north'"),
}


@dataclass(frozen=True)
class Left:
    """What a server has left, whose database is ``database``: its folders, and the points that it held."""

    database: str
    closed: Path
    with_deletions: Path
    unclosed: Path
    points: Points

    def run(self, command: str, folder: Path, dsn: str = "") -> Result:
        return CliRunner().invoke(
            tsfiles, [command, str(folder), "--database", self.database], env={"IOTFLOW_POSTGRES_DSN": dsn}
        )


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    folder = tmp_path_factory.mktemp("tsfiles")
    server = LocalIotdb(folder / "home")
    start_or_skip(server)
    try:
        settings = settings_for(server)
        database, home = settings.database, folder / "home" / "data" / "datanode"
        _fill(server, database)
        points = asyncio.run(_held(IotdbStore(settings, lambda device: 7 if device == 1 else 0)))
        server.stop()
        shutil.copytree(home, folder / "closed")
        server.start()
        execute(server, f"DELETE FROM {database}.users.user_7.devices.device_1.d WHERE time <= {MS0 + 5}", "FLUSH")
        shutil.copytree(home, folder / "with deletions")
        execute(server, f"INSERT INTO {database}.devices.device_3(time, meta_only) VALUES ({MS0 + 9}, 'late')")
        server.kill()
        yield Left(database, folder / "closed", folder / "with deletions", home, points)
    finally:
        server.kill()


def _fill(server: LocalIotdb, database: str) -> None:
    """Device 1 stands in both layouts, and has values that were overwritten after they had gone to the disk."""
    users, older = f"{database}.users.user_7.devices.device_1", f"{database}.devices"
    names, row = ", ".join(NATIVES), ", ".join(value for _, value in NATIVES.values())
    rows = ", ".join(f"({MS0 + number}, {row})" for number in range(10))
    many = ", ".join(f"({MS0 + number}, {number}.25, {number})" for number in range(ROWS))
    execute(
        server,
        f"CREATE DATABASE {database}",
        *(f"CREATE TIMESERIES {users}.{name} WITH DATATYPE={type_}" for name, (type_, _) in _natives()),
        f"CREATE TIMESERIES {older}.device_1.r WITH DATATYPE=BOOLEAN, ENCODING=RLE",
        f"CREATE TIMESERIES {older}.device_1.l WITH DATATYPE=DOUBLE, ENCODING=TS_2DIFF",
        f"INSERT INTO {users}(time, {names}) VALUES {rows}",
        f"INSERT INTO {older}.device_1(time, d, old, r, l) VALUES ({MS0}, 5.0, 1.5, true, 1.0)",
        f"INSERT INTO {older}.device_1.sub(time, nested) VALUES ({MS0}, 1.0)",
        f"INSERT INTO {older}.device_2(time, a, b) ALIGNED VALUES {many}",
        f"INSERT INTO {older}.device_3(time, meta_only) VALUES ({MS0}, 'a record of metadata alone')",
        "FLUSH",
        f"INSERT INTO {users}(time, d, t) VALUES ({MS0 + 2}, 20.0, 'later'), ({MS0 - 1}, -1.0, 'earlier')",
        f"INSERT INTO {older}.device_2(time, a) ALIGNED VALUES ({MS0 + 7}, -7.0)",
        "FLUSH",
        f"INSERT INTO {users}(time, d) VALUES ({MS0 + 2}, 200.0)",
        f"INSERT INTO {older}.device_2(time, a) ALIGNED VALUES ({MS0 + ROWS}, -8.0)",
        "FLUSH",
    )


def _natives() -> list[tuple[str, tuple[str, str]]]:
    return [(name, (type_.replace(" ", ", "), value)) for name, (type_, value) in NATIVES.items()]


async def _held(store: IotdbStore) -> Points:
    await store.open()
    try:
        return await _all(store)
    finally:
        await store.close()


async def _all(store: TelemetryStore) -> Points:
    return points_of([batch async for batch in store.scan(Selection(DEVICES, scope=Scope.BOTH))])


async def test_files_are_carried_as_iotdb_held_them_and_what_is_not_is_named(
    left: Left, postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    listed = await asyncio.to_thread(left.run, "list", left.closed)
    assert "device 1, user 7: " in listed.stdout
    assert "device 3, user 0: meta_only" in listed.stdout
    readable = {key: value for key, value in left.points.items() if key[2] != "r"}
    assert len(readable) == len(left.points) - 1

    done = await asyncio.to_thread(left.run, "backfill", left.closed, postgres_dsn)
    assert await _all(postgres_store) == readable
    assert done.exit_code == 3, done.output
    codes = {line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")}
    assert codes == {"UNREADABLE_SERIES", "LOSSY_ENCODING", "NESTED_SERIES", "LAYOUT_CONFLICT"}
    assert f"UNREADABLE_SERIES {left.database}.devices.device_1.r (1 points)" in done.stderr

    again = await asyncio.to_thread(left.run, "backfill", left.closed, postgres_dsn)
    assert again.exit_code == 3
    assert await _all(postgres_store) == readable


async def test_a_backfill_that_is_held_back_and_killed_goes_on(
    left: Left, postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    command = [sys.executable, "-m", "iotflow.telemetry.cli.main", "tsfiles", "backfill", str(left.closed)]
    options = ["--database", left.database, "--dsn", postgres_dsn, "--points-per-second", "500"]
    process = await asyncio.create_subprocess_exec(*command, *options, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    assert b"1 of 3 devices, up to device 1" in await process.stderr.readline()
    # Device 2 has 5,000 points, for which the third one has to wait.
    process.kill()
    await process.communicate()
    assert {device for device, _ in await postgres_store.list_devices()} <= {1, 2}
    await asyncio.to_thread(left.run, "backfill", left.closed, postgres_dsn)
    alike = await asyncio.to_thread(left.run, "verify", left.closed, postgres_dsn)
    assert f"PostgreSQL has all {len(left.points) - 1:,} points that can be read" in alike.stdout


async def test_what_differs_from_the_files_is_found_and_left_as_it_is(
    left: Left, postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    await postgres_store.write([point(2, T0, "a", 99.0)])
    await asyncio.to_thread(left.run, "backfill", left.closed, postgres_dsn)
    differs = await asyncio.to_thread(left.run, "verify", left.closed, postgres_dsn)
    assert differs.exit_code == 3
    assert "device 2, 'a': 1 points" in differs.stderr
    await postgres_store.write([point(2, T0, "a", 0.25)])
    alike = await asyncio.to_thread(left.run, "verify", left.closed, postgres_dsn)
    assert f"PostgreSQL has all {len(left.points) - 1:,} points that can be read" in alike.stdout


@pytest.mark.parametrize(
    ("folder", "why"), [("with_deletions", "deleted points would come back"), ("unclosed", "were never closed")]
)
def test_files_that_do_not_tell_all_are_refused_by_name(left: Left, folder: str, why: str) -> None:
    refused = left.run("list", getattr(left, folder))
    assert refused.exit_code == 1
    assert why in refused.stderr
    assert ".tsfile" in refused.stderr


def test_a_folder_without_files_is_refused(left: Left, tmp_path: Path) -> None:
    assert "holds no TsFiles" in left.run("list", tmp_path).stderr
