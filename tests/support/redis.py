"""A real Redis for tests, of each test's own: it may be killed, frozen and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.held_port import HeldPort


class RedisServer:
    """Debian's package redis-server on a free port of 127.0.0.1; port and folder stay the same over restarts."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.fail("redis-server is required: apt-get install redis-server", pytrace=False)
        self._held = HeldPort()
        self.port = self._held.number
        self._command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what it has saved; return once it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self.command("PING") != b"+PONG":
            assert self._process.poll() is None, "redis-server has ended"
            time.sleep(0.02)

    def command(self, word: str) -> bytes:
        """Send a command without arguments; return the first line of its answer, empty where there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                connection.sendall(f"{word}\r\n".encode())
                return connection.makefile("rb").readline().strip()
        except ConnectionError:
            return b""

    def kill(self) -> None:
        """SIGKILL; return once it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
