"""The commands of the runbook carry a real fleet from its first week to its last."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.selection import Scope, Selection
from tests.support.batches import SECOND, T0, batch, points_of
from tests.support.iotdb import IotdbServer, execute
from tests.support.markdown import Example, examples
from tests.support.postgres import opened
from tests.support.service import environment_of

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
FOLDER = "/var/lib/iotflow/archive"
NIGHT = "22:00-06:00 --time-zone Europe/Berlin"
DEVICES = (1, 2, 3)


@pytest.fixture
def environment(postgres_dsn: str, iotdb_settings: IotdbSettings) -> dict[str, str]:
    """Settings of a server that has both stores."""
    return environment_of(postgres_dsn, iotdb_settings, IOTDB_TIMEOUT_SECONDS="60")


@pytest.fixture
async def server(tmp_path: Path, environment: dict[str, str]) -> AsyncIterator[ServiceProcess]:
    """It."""
    process = ServiceProcess(tmp_path / "data", environment)
    await asyncio.to_thread(process.start)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.terminate)


async def run(example: Example, environment: Mapping[str, str], folder: Path) -> str:
    """Run the commands of one block, each of which has to succeed."""
    code = example.code.replace(FOLDER, str(folder)).replace(NIGHT, far_hours())
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["sh", "-euc", code]
    variables = {**os.environ, "COLUMNS": "160", **environment, "PATH": path}
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        env=variables,
        cwd=folder.parent,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=200,
    )
    assert done.returncode == 0, f"line {example.line}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stdout.strip(), f"line {example.line} prints nothing"
    return done.stdout


def far_hours() -> str:
    """A night that does not begin while the test runs."""
    begin = datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(hours=6)
    return f"{begin:%H}:00-{begin + timedelta(hours=1):%H}:00 --time-zone Europe/Berlin"


async def leave_behind(postgres_dsn: str) -> None:
    """An instance that nobody will start again."""
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(
        "INSERT INTO instances (instance_id, name, heard_at, confirmed) "
        "VALUES ('f00d', 'tried-out', now() - interval '1 hour', 99)"
    )
    await connection.close()


@pytest.mark.timeout(900)
async def test_the_runbook_carries_a_fleet_to_its_end(
    tmp_path: Path,
    postgres_dsn: str,
    iotdb_server: IotdbServer,
    iotdb_settings: IotdbSettings,
    iotdb_store: IotdbStore,
    owners: dict[int, int],
    environment: dict[str, str],
    server: ServiceProcess,
) -> None:
    owners[2] = 7
    moments = [T0 + row * SECOND for row in range(500)]
    numbers = [row / 7 for row in range(500)]
    await iotdb_store.write([batch(device, moments, a=numbers, meta_site=["north"] * 500) for device in DEVICES])
    execute(iotdb_server, f"INSERT INTO {iotdb_settings.database}.devices.rig(time, a) VALUES (1, 1.0)")
    await leave_behind(postgres_dsn)
    expected = points_of([each async for each in iotdb_store.scan(Selection(DEVICES, scope=Scope.BOTH))])
    variables = {"IOTFLOW_ADDRESS": server.address, "IOTFLOW_POSTGRES_DSN": postgres_dsn}
    told = [await run(example, variables, tmp_path / "archive") for example in examples(RUNBOOK)]

    phases = ("PREPARATION", "DUAL_WRITE", "READ_POSTGRES", "POSTGRES_ONLY", "DECOMMISSIONED")
    assert [phase for phase in phases if not any(phase in words for words in told)] == []
    said = "".join(told)
    assert "UNMAPPABLE_PATH" in said
    assert said.count("1 waived, 0 still hold the phase up") == 2
    assert (tmp_path / "report.html").stat().st_size > 1_000
    assert "NO WAY BACK" not in told[-2], "what was answered by --yes is not asked"
    async with opened(postgres_dsn, owners) as postgres:
        found = points_of([each async for each in postgres.scan(Selection(DEVICES, scope=Scope.BOTH))])
    assert found == expected
    await asyncio.to_thread(server.terminate)
    with pytest.raises(RuntimeError, match="unset IOTDB_HOST"):
        await asyncio.to_thread(ServiceProcess(tmp_path / "data", environment).start)
