"""What cannot be undone is asked in a real terminal, and done only after a yes. IoTDB is kept here, and away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.client.iotflow_command import Iotflow
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


async def test_a_yes_is_enough(kept: ServiceProcess) -> None:
    shown = await converse(kept.address, *FORCE, typed=[("NO WAY BACK", ""), ("[y/N]", "y\n")])
    assert shown.code == 0, shown.text
    assert "POSTGRES_ONLY -> DECOMMISSIONED" in shown.text
    assert await phase_of(kept) == "DECOMMISSIONED"
