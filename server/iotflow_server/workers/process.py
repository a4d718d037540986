"""One worker, as its parent sees it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iotflow_server.composition.foundation import StartError
from iotflow_server.config import Settings
from iotflow_server.workers.words import Order, Report


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What every worker of a parent gets."""

    #: With the address and the PostgreSQL that all share.
    settings: Settings
    #: Descriptor of the lock of the data folder: no other server may have it before the last worker has ended.
    lock: int
    #: Where the embedded PostgreSQL lies, which the last worker stops if the parent has died.
    embedded: Path | None

    async def start(self, number: int) -> WorkerProcess:
        """Start a worker: a new interpreter, nothing of this process in it."""
        process = await asyncio.create_subprocess_exec(
            *self._command(number),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self.settings.environment()},
            pass_fds=(self.lock,),
        )
        return WorkerProcess(number, process)

    def _command(self, number: int) -> Sequence[str]:
        command = [sys.executable, "-m", "iotflow_server.cli.worker", str(number)]
        return command if self.embedded is None else [*command, str(self.embedded)]


class WorkerProcess:
    """A worker from its start to its end."""

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number = number
        self._process = process

    @property
    def process_id(self) -> int:
        """Id of the process."""
        return self._process.pid

    async def ready(self) -> None:
        """Return once it could serve.

        :raises StartError: it cannot.
        """
        await self._expect(Report.READY)

    async def serve(self) -> None:
        """Let it serve, and return once it does.

        :raises StartError: it cannot.
        """
        await self._order(Order.SERVE)
        await self._expect(Report.SERVING)

    async def drain(self) -> None:
        """Ask it to finish what it has taken, and to end."""
        await self._order(Order.DRAIN)

    async def ended(self) -> int:
        """Return its exit code, or the number of the signal that ended it, negative."""
        return await self._process.wait()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _order(self, order: Order) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise RuntimeError("a worker has a pipe for its orders")
        # One that has ended needs no orders.
        with suppress(ConnectionError):
            if not stdin.is_closing():
                stdin.write(f"{order}\n".encode())
                await stdin.drain()

    async def _expect(self, report: Report) -> None:
        stdout = self._process.stdout
        if stdout is None:
            raise RuntimeError("a worker has a pipe for its reports")
        word, _, reason = (await stdout.readline()).decode().strip().partition(" ")
        if word == Report.FAILED:
            raise StartError(reason)
        if word != report:
            raise StartError(f"worker {self.number} ended before it served (exit code {await self.ended()})")
