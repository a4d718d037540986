"""Runs a load in a process of its own, so that nothing but the load runs there."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol, Self

from tests.bench.run import Run


class Load(Protocol):
    """One side of a measure. ``prepare`` does ahead what is not measured, ``run`` the rest."""

    def prepare(self, begin: int) -> None: ...

    def run(self) -> Run: ...

    def close(self) -> None: ...


class LoadFailedError(Exception):
    """A load raised; the message is its traceback."""


class Worker:
    """A load elsewhere. ``make`` and its arguments must be picklable; it is called in the new process."""

    def __init__(self, make: Callable[..., Load], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, make, arguments), daemon=True)
        self._process.start()
        other.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def prepare(self, begin: int) -> None:
        """Have the load prepare itself."""
        self._pipe.send(("prepare", begin))
        self._answer()

    def run(self) -> Run:
        """Have it run."""
        self.start()
        return self.finish()

    def start(self) -> None:
        """Have it begin to run, without waiting."""
        self._pipe.send(("run",))

    def finish(self) -> Run:
        """Wait until it has run."""
        run = self._answer()
        assert isinstance(run, Run)
        return run

    def _answer(self) -> object:
        try:
            failure, answer = self._pipe.recv()
        except EOFError:
            raise LoadFailedError("the load's process ended") from None
        if failure is not None:
            raise LoadFailedError(failure)
        return answer


def together(*workers: Worker) -> Run:
    """Have loads that write the same run at once; the time ends with the last of them."""
    for worker in workers:
        worker.start()
    runs = [worker.finish() for worker in workers]
    return Run(runs[0].amount, max(run.seconds for run in runs), sum(run.cpu_seconds for run in runs))


def _serve(pipe: Connection, make: Callable[..., Load], arguments: tuple[Any, ...]) -> None:
    load: Load | None = None
    while True:
        try:
            name, *given = pipe.recv()
        except EOFError:
            break
        try:
            load = load or make(*arguments)
            pipe.send((None, getattr(load, name)(*given)))
        except Exception:
            pipe.send((traceback.format_exc(), None))
    if load is not None:
        load.close()
