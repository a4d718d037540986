"""A PostgreSQL of our own, from its binaries."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from iotflow_server.local.memory import memory_bytes
from iotflow_server.local.postgres import LocalPostgres, LocalPostgresError

_START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from iotflow_server.local.postgres import LocalPostgres
server = LocalPostgres(Path(sys.argv[1]))
server.stop()
server.start()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def _keep(server: LocalPostgres, value: int) -> None:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value integer)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()


async def _kept(server: LocalPostgres) -> list[int]:
    connection = await asyncpg.connect(server.dsn)
    rows = await connection.fetch("SELECT value FROM kept ORDER BY value")
    await connection.close()
    return [row["value"] for row in rows]


async def _buffer_megabytes(server: LocalPostgres) -> int:
    connection = await asyncpg.connect(server.dsn)
    pages = await connection.fetchval("SELECT setting::integer FROM pg_settings WHERE name = 'shared_buffers'")
    await connection.close()
    return int(pages) // 128


def _folder(server: LocalPostgres) -> Path:
    return Path(f"/proc/{server.process_id}/cwd").resolve()


async def test_data_outlive_a_stop_a_crash_and_a_kill(own_postgres: LocalPostgres) -> None:
    for number, end in enumerate((own_postgres.stop, lambda: own_postgres.stop("immediate"), own_postgres.kill)):
        await _keep(own_postgres, number)
        end()
        own_postgres.start()
    assert await _kept(own_postgres) == [0, 1, 2]


async def test_a_server_left_by_a_killed_process_is_taken_over(own_postgres: LocalPostgres) -> None:
    await _keep(own_postgres, 1)
    folder = _folder(own_postgres)
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", _START_AND_DIE, str(folder)], check=False)
    left = own_postgres.process_id
    again = LocalPostgres(folder)
    again.start()
    assert again.process_id == left
    assert await _kept(again) == [1]


async def test_starting_a_running_server_leaves_it_alone(own_postgres: LocalPostgres) -> None:
    before = own_postgres.process_id
    own_postgres.start()
    assert own_postgres.process_id == before


async def test_a_quarter_of_the_memory_is_for_buffers_until_somebody_says_otherwise(
    own_postgres: LocalPostgres,
) -> None:
    megabytes = min(max(memory_bytes() // 4 >> 20, 128), 1_024)
    folder = _folder(own_postgres)
    assert await _buffer_megabytes(own_postgres) == megabytes
    own_postgres.stop()
    with (folder / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_buffers = '64MB'\n")
    own_postgres.start()
    assert await _buffer_megabytes(own_postgres) == 64


async def test_a_database_half_made_is_made_anew(own_postgres: LocalPostgres) -> None:
    folder = _folder(own_postgres)
    own_postgres.stop()
    half_made = folder.with_name("other.new")
    folder.rename(half_made)
    (half_made / "global" / "pg_control").unlink()
    other = LocalPostgres(folder.with_name("other"))
    other.start()
    await _keep(other, 1)
    other.stop()


def test_a_broken_folder_is_named_with_the_end_of_the_log(own_postgres: LocalPostgres) -> None:
    folder = _folder(own_postgres)
    own_postgres.stop()
    (folder / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(LocalPostgresError, match="no_such_setting") as refused:
        own_postgres.start()
    assert str(folder) in str(refused.value)
