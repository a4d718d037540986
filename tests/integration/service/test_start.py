"""What keeps a service from starting is said in one line, and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iotflow_server.app import running
from iotflow_server.composition.foundation import StartError
from iotflow_server.config import IotdbSettings
from iotflow_server.local.postgres import LocalPostgres
from tests.support.postgres import database
from tests.support.service import service, settings_of

NOWHERE = IotdbSettings(host="127.0.0.1", port=1, timeout_seconds=2)


async def test_two_servers_never_share_a_folder(tmp_path: Path, postgres_dsn: str) -> None:
    settings = settings_of(tmp_path, postgres_dsn)
    async with service(settings):
        with pytest.raises(StartError, match=r"another server uses .*IOTFLOW_DATA_DIR"):
            async with running(settings):
                pass
    async with service(settings):
        pass


async def test_a_first_start_that_fails_does_not_fix_the_phase(tmp_path: Path, postgres_dsn: str) -> None:
    with pytest.raises(StartError, match=r"iotdb: .*127.0.0.1:1.*IOTDB_HOST"):
        async with running(settings_of(tmp_path, postgres_dsn, NOWHERE)):
            pass
    async with service(settings_of(tmp_path, postgres_dsn)) as caller:
        assert (await caller.status()).epoch == 1


async def test_a_phase_that_keeps_iotdb_wants_its_address_and_the_last_one_does_not(
    tmp_path: Path, postgres_dsn: str, postgres_server: LocalPostgres
) -> None:
    async with service(settings_of(tmp_path, postgres_dsn)):
        pass
    with pytest.raises(StartError, match=r"DECOMMISSIONED.*unset IOTDB_HOST"):
        async with running(settings_of(tmp_path, postgres_dsn, NOWHERE)):
            pass
    async with database(postgres_server) as other_dsn:
        with pytest.raises(StartError, match=r"PREPARATION.*set IOTDB_HOST"):
            async with running(settings_of(tmp_path, other_dsn, initial_phase="PREPARATION")):
                pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IOTFLOW_POSTGRES_DSN", "host=db password=s3cret"),
        ("IOTFLOW_POSTGRES_DSN", "postgresql://me:s3cret@r3/t:pw@db/x"),
        ("IOTFLOW_POSTGRES_DSN", "postgresql://me:s3cret@127.0.0.1:1/x"),
        ("IOTFLOW_POSTGRES_POOL_SIZE", "0"),
        ("IOTDB_PORT", "many"),
        ("IOTDB_HOST", "127.0.0.1:1"),
        ("IOTFLOW_DATA_DIR", __file__),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_without_secrets(tmp_path: Path, name: str, value: str) -> None:
    environment = {
        **os.environ,
        "IOTFLOW_DATA_DIR": str(tmp_path),
        "IOTFLOW_POSTGRES_TIMEOUT_SECONDS": "2",
        "IOTDB_TIMEOUT_SECONDS": "2",
        "IOTFLOW_LISTEN": "127.0.0.1:0",
        "IOTFLOW_LOG_LEVEL": "ERROR",
        name: value,
    }
    command = [sys.executable, "-m", "iotflow_server.cli.main"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert name in line
    assert "s3cret" not in line
