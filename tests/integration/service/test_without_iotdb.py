"""The server where apache-iotdb is not installed: an environment made from the lock without that extra."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import grpc
import pytest

from iotflow_server.local.service import ServiceProcess
from tests.client.uv import uv
from tests.support.service import Caller, record, service, settings_of

BASE = 1_700_000_000_000
NOT_THERE = (
    "import importlib.util as u; assert all(u.find_spec(name) is None for name in ('iotdb', 'thrift', 'pyarrow'))"
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of such an environment."""
    folder = tmp_path_factory.mktemp("environment")
    requirements = folder / "requirements.txt"
    uv("export", "--quiet", "--frozen", "--extra", "server", "--no-editable", "--output-file", str(requirements))
    interpreter = str(folder / "venv" / "bin" / "python")
    uv("venv", "--quiet", str(folder / "venv"))
    uv("pip", "install", "--quiet", "--python", interpreter, "--requirement", str(requirements))
    subprocess.run([interpreter, "-c", NOT_THERE], check=True, cwd=folder)
    return interpreter


@pytest.mark.timeout(300)
async def test_a_decommissioned_server_does_without_apache_iotdb(
    tmp_path: Path, postgres_dsn: str, python: str
) -> None:
    async with service(settings_of(tmp_path, postgres_dsn)) as caller:
        await caller.write(record(1, BASE, {"n": 1.5}))
    process = ServiceProcess(tmp_path, {"IOTFLOW_POSTGRES_DSN": postgres_dsn}, python)
    await asyncio.to_thread(process.start)
    try:
        async with grpc.aio.insecure_channel(process.address) as channel:
            caller = Caller(channel)
            await caller.write(record(1, BASE + 1, {"n": 2.5}))
            assert await caller.points(1) == {(1, "n", BASE): 1.5, (1, "n", BASE + 1): 2.5}
    finally:
        await asyncio.to_thread(process.terminate)


@pytest.mark.timeout(300)
def test_a_phase_that_keeps_iotdb_says_what_to_install_and_the_last_one_what_to_unset(
    tmp_path: Path, postgres_dsn: str, python: str
) -> None:
    environment = {"IOTFLOW_POSTGRES_DSN": postgres_dsn, "IOTDB_HOST": "127.0.0.1", "IOTDB_PORT": "1"}
    starts = [("PREPARATION", "install the extra 'iotdb'"), ("DECOMMISSIONED", "unset IOTDB_HOST")]
    for phase, words in starts:
        process = ServiceProcess(tmp_path / phase, environment | {"IOTFLOW_INITIAL_PHASE": phase}, python)
        with pytest.raises(RuntimeError, match=words):
            process.start()
