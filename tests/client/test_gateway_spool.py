"""The file of a spool: what it keeps, how large it gets, who may open it, and what damage does."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iotflow.telemetry import SpoolError, SpoolLockedError
from iotflow.telemetry._entries import PAGE_BYTES, Entry, footprint
from iotflow.telemetry._spool import SLACK_BYTES, Spool

MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "spool.db"


def opened(path: Path, max_bytes: int = 64 * MIB) -> Spool:
    return Spool.open(path, max_bytes, is_durable=True)


def entries(first: int, last: int, nbytes: int = 100) -> list[Entry]:
    return [
        Entry(number, 2, 1000.0 + number, number.to_bytes(4, "big") * (nbytes // 4)) for number in range(first, last)
    ]


def filled(path: Path) -> None:
    spool = opened(path)
    spool.commit([], entries(1, 1001))
    spool.close()


def in_another_process(code: str) -> subprocess.CompletedProcess[str]:
    imports = "from pathlib import Path\nfrom iotflow.telemetry._spool import Spool\n"
    return subprocess.run([sys.executable, "-c", imports + code], capture_output=True, text=True, check=False)


def file_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.iterdir())


def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    filled(path)
    spool = opened(path)
    assert (spool.contents.first_id, spool.contents.last_id, spool.contents.points) == (1, 1000, 2000)
    assert (spool.contents.oldest_written_at, spool.set_aside) == (1001.0, None)
    assert spool.contents.footprint == 1000 * footprint(100)
    page = spool.page(10, 500)
    assert [entry.id for entry in page] == [11, 12, 13, 14, 15]
    assert [entry.payload for entry in page] == [entry.payload for entry in entries(11, 16)]
    spool.close()


def test_a_file_names_its_writer_and_counts_its_streams(path: Path) -> None:
    spool = opened(path)
    name = spool.writer_id
    assert (len(name), spool.attempt) == (32, 0)
    spool.begin_stream()
    spool.close()
    killed = in_another_process(
        f"""
import os, signal
spool = Spool.open(Path({str(path)!r}), 1 << 26, is_durable=False)
spool.begin_stream()
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    assert killed.returncode == -signal.SIGKILL
    spool = opened(path)
    assert (spool.writer_id, spool.attempt) == (name, 2)
    spool.close()
    other = opened(path.with_name("other"))
    assert other.writer_id != name
    other.close()


def test_ranges_are_deleted_in_the_commit_that_adds(path: Path) -> None:
    filled(path)
    spool = opened(path)
    spool.commit([(1, 500), (600, 700)], entries(1001, 1003))
    assert [entry.id for entry in spool.page(0, 10 * MIB)] == [*range(501, 600), *range(701, 1003)]
    spool.close()


def test_a_commit_is_all_or_nothing(path: Path) -> None:
    filled(path)
    spool = opened(path)
    with pytest.raises(SpoolError, match="UNIQUE"):
        spool.commit([(1, 500)], [*entries(1001, 1003), *entries(600, 601)])
    assert [entry.id for entry in spool.page(0, 10 * MIB)] == [*range(1, 1001)]
    spool.close()


@pytest.mark.parametrize("nbytes", [40, 700, 1100, 3000, 4100, 6000, 100_000, 256 << 10])
def test_the_files_stay_within_what_the_footprints_say(path: Path, nbytes: int) -> None:
    spool = opened(path)
    count = max(8, 8 * MIB // footprint(nbytes))
    written = 0
    for _ in range(12):
        step = entries(written + 1, written + 1 + count // 4, nbytes)
        written += len(step)
        # From the fourth step on as much is deleted as is added.
        spool.commit([(1, written - count)] if written > count else [], step)
        assert file_bytes(path) <= (count + len(step)) * footprint(nbytes) + SLACK_BYTES
    spool.close()
    # Without the log that goes with an open file it is as tight as can be.
    assert file_bytes(path) <= count * footprint(nbytes) * 1.02 + MIB


def test_the_file_refuses_to_grow_beyond_its_bound_and_goes_on(path: Path) -> None:
    spool = opened(path, MIB)
    with pytest.raises(SpoolError, match="full"):
        spool.commit([], entries(1, 100, 256 << 10))
    spool.commit([], entries(1, 3))
    assert len(spool.page(0, MIB)) == 2
    spool.close()


def test_a_second_opener_is_told_that_it_is_in_use(path: Path) -> None:
    first = opened(path)
    with pytest.raises(SpoolLockedError, match=r"spool\.db is in use"):
        opened(path)
    # The lock must hold against other processes too, also after the attempt of this one.
    assert "SpoolLockedError" in in_another_process(f"Spool.open(Path({str(path)!r}), 1 << 20, is_durable=True)").stderr
    first.close()
    opened(path).close()


def test_a_kill_releases_the_lock_and_keeps_what_was_committed(path: Path) -> None:
    code = f"""
import os, signal
from iotflow.telemetry._entries import Entry
spool = Spool.open(Path({str(path)!r}), 1 << 20, is_durable=True)
for number in range(1, 51):
    spool.commit([], [Entry(number, 1, 1.0, b"x")])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert in_another_process(code).returncode == -signal.SIGKILL
    spool = opened(path)
    assert spool.contents.points == 50
    spool.close()


def overwritten(path: Path, offset: int, raw: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(raw)


def cut_off(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(5 * PAGE_BYTES)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a value": lambda path: overwritten(path, 3 * PAGE_BYTES + 2000, b"\xff" * 500),
    "a page": lambda path: overwritten(path, 3 * PAGE_BYTES, b"\xff" * PAGE_BYTES),
    "cut off": cut_off,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_spool_is_set_aside_and_the_log_names_it(
    path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    filled(path)
    damage(path)
    before = path.read_bytes()
    with caplog.at_level(logging.ERROR):
        spool = opened(path)
    assert spool.contents.points == 0
    assert spool.set_aside is not None
    assert spool.set_aside.read_bytes() == before
    assert str(spool.set_aside) in caplog.text
    spool.commit([], entries(1, 2))
    spool.close()


def test_a_file_that_is_no_spool_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("holiday photographs " * 1000)
    with pytest.raises(SpoolError, match="is no spool"):
        opened(path)
    assert path.read_text() == "holiday photographs " * 1000


def test_a_sqlite_file_of_something_else_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photographs (id INTEGER)")
    connection.commit()
    connection.close()
    with pytest.raises(SpoolError, match="of something else"):
        opened(path)


def test_a_spool_of_a_newer_release_is_left_alone(path: Path) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(SpoolError, match="newer release"):
        opened(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=r"file/spool\.db"):
        opened(tmp_path / "file" / "spool.db")
