"""What cannot be undone is asked in a real terminal, and done only after a yes. IoTDB is kept here, and away."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.client.iotflow_command import COMMAND, Iotflow
from tests.client.terminal import CTRL_C, converse
from tests.support.waiting import until_told

#: Nobody listens there.
AWAY = {"IOTDB_HOST": "127.0.0.1", "IOTDB_PORT": "9", "IOTFLOW_INITIAL_PHASE": "POSTGRES_ONLY"}
FORCE = ("migrate", "advance", "--force", "--reason", "IoTDB is away for good")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps its data."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def kept(folder: Path) -> Iterator[ServiceProcess]:
    """A service in POSTGRES_ONLY; the last test moves it on."""
    process = ServiceProcess(folder, AWAY)
    try:
        process.start()
        yield process
    finally:
        process.terminate()


async def execute(folder: Path, statement: str) -> None:
    connection = await asyncpg.connect(LocalPostgres(folder / "postgres").dsn)
    await connection.execute(statement)
    await connection.close()


async def phase_of(service: ServiceProcess) -> str:
    return str(json.loads(await Iotflow(service.address, "migrate")("status", "--json"))["phase_word"])


async def test_the_screen_has_it_all_and_is_watched_until_somebody_ends_it(kept: ServiceProcess) -> None:
    async def follows() -> bool:
        return "follows" in await Iotflow(kept.address, "migrate")("status")

    await until_told(follows)
    shown = await converse(kept.address, "migrate", "status", "--watch", typed=[("What to do", CTRL_C)])
    for words in (
        "POSTGRES_ONLY",
        "write p95",
        "reads/s",
        "may differ in",
        "heard of",
        "shadow reads answered differently of late: 0",
        "next: DECOMMISSIONED",
        "there is no archive of this phase",
        "back: READ_POSTGRES",
        "What to do:",
    ):
        assert words in shown.text


async def test_the_last_step_is_not_made_unless_somebody_says_yes(kept: ServiceProcess) -> None:
    for answer in ("n\n", "\n", CTRL_C):
        shown = await converse(kept.address, *FORCE, typed=[("[y/N]", answer)])
        assert "NO WAY BACK" in shown.text
        assert shown.code in (1, 130)
    assert await phase_of(kept) == "POSTGRES_ONLY"


async def test_a_rehearsal_asks_nothing_and_does_nothing(kept: ServiceProcess) -> None:
    shown = await converse(kept.address, "migrate", "advance", "--dry-run")
    assert "iotdb_archived" in shown.text
    assert (shown.code, await phase_of(kept)) == (3, "POSTGRES_ONLY")
    back = await converse(kept.address, "migrate", "rollback", "--dry-run")
    assert "iotdb_reachable" in back.text
    assert (back.code, await phase_of(kept)) == (3, "POSTGRES_ONLY")


async def test_a_rehearsal_is_json_for_programs(kept: ServiceProcess) -> None:
    migrate = Iotflow(kept.address, "migrate")
    refused = json.loads(await migrate("advance", "--dry-run", "--json", code=3))
    assert (refused["from"], refused["to"], refused["would_be_done"]) == ("POSTGRES_ONLY", "DECOMMISSIONED", False)
    assert {guard["name"]: guard["satisfied"] for guard in refused["guards"]}["iotdb_archived"] is False
    assert json.loads(await migrate(*FORCE[1:], "--dry-run", "--json"))["would_be_done"] is True
    assert "nothing yet: the phase is POSTGRES_ONLY" in await migrate("checklist", "--json", code=3)
    assert await phase_of(kept) == "POSTGRES_ONLY"


async def test_findings_are_listed_and_waived_however_many_there_are(
    kept: ServiceProcess, folder: Path, tmp_path: Path
) -> None:
    migrate = Iotflow(kept.address, "migrate")
    job = json.loads(await migrate("archive", "--folder", tmp_path / "archive", "--json"))["id"]
    await execute(
        folder,
        "INSERT INTO migration_job_findings (job_id, code, subject, detail, points, is_informational) "
        f"SELECT {job}, 'UNMAPPABLE_PATH', 'root.pump_' || n, 'no device', 1, false FROM generate_series(1, 1500) AS n",
    )
    listed = [json.loads(line) for line in (await migrate("findings", job, "--limit", 2000, "--json")).splitlines()]
    assert {each["subject"] for each in listed} == {f"root.pump_{n}" for n in range(1, 1501)}
    assert len((await migrate("findings", job, "--limit", 1200, "--json")).splitlines()) == 1200
    assert (
        "there are more than 2; --limit shows more"
        in (await converse(kept.address, "migrate", "findings", job, "--limit", 2)).text
    )
    waive = ("waive", job, "--reason", "a test rig")
    one = ("--json", "--yes", "--subject", "root.pump_7")
    assert json.loads(await migrate(*waive, *one))["waived"] == "1"
    none = json.loads(await migrate(*waive, *one))
    assert (none["waived"], none["job"]["progress"]["open_findings"]) == ("0", "1499")
    kept_open = await converse(kept.address, "migrate", *waive, typed=[("1,499 findings", ""), ("[y/N]", "n\n")])
    assert kept_open.code == 1
    done = await converse(kept.address, "migrate", *waive, typed=[("1,499 findings", ""), ("[y/N]", "y\n")])
    assert (done.code, "1499 waived, 0 still hold" in done.text) == (0, True)
    await migrate("cancel", job, "--yes")


async def test_a_job_is_cancelled_after_a_yes(kept: ServiceProcess, tmp_path: Path) -> None:
    migrate = Iotflow(kept.address, "migrate")
    started = json.loads(await migrate("archive", "--folder", tmp_path / "archive", "--json"))
    kept_on = await converse(kept.address, "migrate", "cancel", started["id"], typed=[("[y/N]", "n\n")])
    assert kept_on.code == 1
    listed = json.loads(await migrate("status", "--json"))["jobs"]
    assert [job["id"] for job in listed] == [started["id"]]
    done = await converse(kept.address, "migrate", "cancel", started["id"], typed=[("[y/N]", "y\n")])
    assert (done.code, "CANCELLED" in done.text) == (0, True)
    assert json.loads(await migrate("status", "--json"))["jobs"] == []


async def test_a_dead_instance_is_removed_by_name_after_a_yes(kept: ServiceProcess, folder: Path) -> None:
    migrate = Iotflow(kept.address, "migrate")
    await execute(
        folder,
        "INSERT INTO instances (instance_id, name, heard_at, dirty_iotdb, confirmed) "
        "VALUES ('f00d', 'north', now() - interval '1 hour', 3, 99), ('beef', 'twin', now(), 0, 99), "
        "('cafe', 'twin', now(), 0, 99)",
    )
    listed = await migrate("instances")
    for words in ("north", "3 ranges", "f00d", "follows"):
        assert words in listed
    by_name = {each["name"]: each for each in map(json.loads, (await migrate("instances", "--json")).splitlines())}
    assert by_name["north"]["silent_seconds"] > 3500
    assert "3 dirty ranges" in (await converse(kept.address, *remove("north"), typed=[("[y/N]", "n\n")])).text
    assert "north" in await migrate("instances")
    done = await converse(kept.address, *remove("north"), typed=[("Is it dead", ""), ("[y/N]", "y\n")])
    assert done.code == 0, done.text
    assert "north" not in await migrate("instances")
    assert "no instance is called 'north'; there are" in await migrate("instances", "remove", "north", code=1)
    assert "give the id: twin (beef), twin (cafe)" in await migrate("instances", "remove", "twin", code=1)
    (own,) = by_name.keys() - {"north", "twin"}
    assert "stop it before" in await migrate("instances", "remove", own, "--yes", code=3)
    await execute(folder, "DELETE FROM instances WHERE name = 'twin'")


def remove(name: str) -> tuple[str, ...]:
    return ("migrate", "instances", "remove", name)


async def test_a_job_that_is_waited_for_and_fails_ends_with_its_own_code(kept: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "something").write_text("else", encoding="utf-8")
    told = await Iotflow(kept.address, "migrate")("archive", "--folder", tmp_path, "--wait", code=5)
    assert "is not empty: name a new folder" in told


@asynccontextmanager
async def asked(address: str, *arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that has asked its question, and waits for the answer."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *map(str, arguments),
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "IOTFLOW_ADDRESS": address},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            await process.stdout.readuntil(b"[y/N]")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_yes_is_enough_and_who_says_it_later_is_told_by_a_code(kept: ServiceProcess) -> None:
    async with asked(kept.address, *FORCE) as late:
        shown = await converse(kept.address, *FORCE, typed=[("NO WAY BACK", ""), ("[y/N]", "y\n")])
        assert shown.code == 0, shown.text
        assert "POSTGRES_ONLY -> DECOMMISSIONED" in shown.text
        assert await phase_of(kept) == "DECOMMISSIONED"
        told, _ = await late.communicate(b"y\n")
    assert b"the phase is DECOMMISSIONED, not POSTGRES_ONLY" in told
    assert late.returncode == 4
