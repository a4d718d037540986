"""``iotflow migrate`` on a service that writes both stores, which differ in a few points."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from iotflow.telemetry import BlockingTelemetryClient, Record
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.client.iotflow_command import Iotflow
from tests.client.terminal import converse
from tests.support.iotdb import IotdbServer, execute, settings_for
from tests.support.waiting import until_told

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps its data."""
    return tmp_path_factory.mktemp("commanded")


@pytest.fixture(scope="module")
def service(folder: Path, iotdb_server: IotdbServer) -> Iterator[ServiceProcess]:
    """Two devices of two series each, beside a path that belongs to no device."""
    database = settings_for(iotdb_server).database
    environment = {
        "IOTDB_HOST": iotdb_server.host,
        "IOTDB_PORT": str(iotdb_server.port),
        "IOTDB_DATABASE": database,
        "IOTFLOW_INITIAL_PHASE": "DUAL_WRITE",
        "IOTFLOW_SHADOW_READ_SHARE": "1",
    }
    process = ServiceProcess(folder, environment)
    try:
        process.start()
        with BlockingTelemetryClient(process.address) as client:
            client.write([Record(device, {"n": 0.5, "t": "x"}, MOMENT) for device in (1, 2)])
        execute(iotdb_server, f"INSERT INTO {database}.devices.pump(time, a) VALUES (1, 1.0)")
        yield process
    finally:
        process.terminate()


@pytest.fixture
def migrate(service: ServiceProcess) -> Iotflow:
    """The command."""
    return Iotflow(service.address, "migrate")


async def in_postgres(folder: Path, statement: str) -> list[Any]:
    connection = await asyncpg.connect(LocalPostgres(folder / "postgres").dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def jobs(migrate: Iotflow) -> list[str]:
    return (await migrate("jobs", "--json")).splitlines()


async def test_a_rehearsal_tells_what_a_job_would_go_over_and_starts_none(migrate: Iotflow, tmp_path: Path) -> None:
    backfill = ("backfill", "--dry-run", "--postgres-rate", 2, "--hours", "22:00-06:00")
    told = json.loads(await migrate(*backfill, "--json"))
    plan = told["plan"]
    sizes = [plan[name] for name in ("devices", "series", "points", "counted_devices", "total_findings")]
    assert sizes == ["2", "4", "4", "2", "1"]
    assert [each["code"] for each in plan["findings"]] == ["UNMAPPABLE_PATH"]
    assert plan["start_time"] == "2026-01-01T00:00:00Z"
    shown = await migrate(*backfill, "--measurement", "n", 1)
    for words in (
        "backfill of devices 1, measurements n",
        "1 devices, 1 series and 1 points in IoTDB",
        "PostgreSQL 2 points/s at most",
        "22:00-06:00 UTC",
        "would be started; nothing was done",
    ):
        assert words in shown
    assert "0 devices, 0 series and 0 points" in await migrate("backfill", 99, "--dry-run")
    assert "both stores are only read" in await migrate("verify", "--dry-run")
    assert "points that iotdb does not have are DELETED" in await migrate("repair", "--dry-run")
    refused = await migrate("archive", "--folder", tmp_path / "archive", "--dry-run", code=3)
    assert "in DUAL_WRITE IoTDB is written" in refused
    assert await jobs(migrate) == []
    assert not (tmp_path / "archive").exists()


async def test_what_a_repair_deletes_or_overwrites_is_asked_before(
    service: ServiceProcess, migrate: Iotflow, folder: Path
) -> None:
    for command in (("repair",), ("verify", "--autocorrect", "extra")):
        shown = await converse(service.address, "migrate", *command, typed=[("[y/N]", "n\n")])
        assert shown.code == 1
        assert "in postgres:" in shown.text
        assert "DELETED" in shown.text
        assert "cannot be undone" in shown.text
    assert await jobs(migrate) == []
    await in_postgres(
        folder, "UPDATE telemetry_data SET numeric_value = 0.25 WHERE device_id = 2 AND measurement_name = 'n'"
    )
    await migrate("repair", "--kind", "missing", 2, "--wait")
    differs = "SELECT device_id FROM telemetry_data WHERE numeric_value = 0.25"
    assert await in_postgres(folder, differs) == [(2,)]
    await migrate("repair", 2, "--yes", "--wait")
    assert await in_postgres(folder, differs) == []


async def test_a_report_is_saved_as_a_page_or_as_json(migrate: Iotflow, tmp_path: Path) -> None:
    job = json.loads((await migrate("verify", "--wait", "--json")).splitlines()[-1])
    page, found = tmp_path / "report.html", tmp_path / "report.json"
    await migrate("report", job["id"], "--output", page)
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    await migrate("report", job["id"], "--output", found)
    assert json.loads(found.read_text(encoding="utf-8"))["devices"] == 2
    assert json.loads(await migrate("report", job["id"])) == json.loads(found.read_text(encoding="utf-8"))
    assert "name it .html or .json" in await migrate("report", job["id"], "--output", tmp_path / "report", code=2)
    assert "there is no job 99" in await migrate("report", 99, code=1)


async def test_reads_that_were_answered_differently_are_listed_and_asked_again(
    service: ServiceProcess, migrate: Iotflow, folder: Path
) -> None:
    assert "no mismatches" in await migrate("mismatches")
    await in_postgres(
        folder, "UPDATE telemetry_data SET numeric_value = 0.25 WHERE device_id = 1 AND measurement_name = 'n'"
    )
    with BlockingTelemetryClient(service.address) as client:
        client.query(device_ids=[1])

    async def is_found() -> bool:
        return "0.25" in await migrate("mismatches")

    await until_told(is_found)
    (listed,) = [json.loads(line) for line in (await migrate("mismatches", "--json")).splitlines()]
    assert (listed["method"], listed["read_from"]) == ("page", "STORE_IOTDB")
    (replayed,) = [json.loads(line) for line in (await migrate("mismatches", "--replay", "--json")).splitlines()]
    assert (replayed["id"], replayed["now"]["alike"]) == (listed["id"], False)
    guards = json.loads(await migrate("advance", "--dry-run", "--json", code=3))["guards"]
    (held,) = [guard for guard in guards if guard["name"] == "no_shadow_mismatches"]
    assert "iotflow migrate mismatches" in held["remedy"]
    await migrate("repair", 1, "--yes", "--wait")
    assert "alike" in await migrate("mismatches", "--replay")
