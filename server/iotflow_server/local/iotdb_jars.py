"""Fetches the jars of the real IoTDB server, once, by Maven."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Overrides where the jars are kept.
CACHE_VARIABLE: Final = "IOTFLOW_IOTDB_CACHE"
_POM: Final = Path(__file__).with_name("iotdb_pom.xml")
_FETCH_SECONDS: Final = 900


class IotdbUnavailableError(Exception):
    """A local IoTDB cannot be had; the message says what is missing or what it answered."""


def java() -> str:
    """Return the path of the Java runtime.

    :raises IotdbUnavailableError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    return found or _tool("java", "Java 17 or later")


def jars() -> Path:
    """Return the folder of the server's jars; fetch them first where they are not there yet.

    Safe to call from several processes at once: one fetches, the others wait.

    :raises IotdbUnavailableError: Maven is missing or failed.
    """
    folder = _cache() / _version()
    if not folder.is_dir():
        with _lock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    goal = [_tool("mvn", "Maven"), "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"]
    options = [f"-DoutputDirectory={partial}", "-DincludeScope=runtime"]
    done = subprocess.run(  # the pom and the goal are ours
        [*goal, *options], capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False, cwd=_POM.parent
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise IotdbUnavailableError(f"Maven could not fetch IoTDB's jars:\n{tail}")
    partial.rename(folder)


def _tool(name: str, title: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise IotdbUnavailableError(f"a local IoTDB needs {title}: no `{name}` on PATH")
    return found


def _version() -> str:
    found = re.search(r"<iotdb\.version>(.+?)</iotdb\.version>", _POM.read_text("utf-8"))
    if found is None:
        raise IotdbUnavailableError(f"{_POM.name} names no iotdb.version")
    return found[1]


def _cache() -> Path:
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        return Path(override).absolute()
    repository = Path(__file__).parents[3]
    if (repository / "pyproject.toml").is_file():
        return repository / ".cache" / "iotdb"
    return Path.home() / ".cache" / "iotflow" / "iotdb"


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
