"""An instance in a process of its own, as the test sees it: a real one, that is really killed."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from itertools import count
from typing import Any

from iotflow_server.config import Settings
from tests.integration.migration.proof.instance import Order, live

#: Forked of a process that has imported the server already and has one thread: a new one takes no second.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([live.__module__, "iotflow_server.stores.iotdb.store"])
_LONGEST_SECONDS = 90.0


@dataclass(frozen=True)
class Died:
    """The process ended before it had answered."""


class InstanceProcess:
    """Starts an instance; several orders may be under way at once."""

    def __init__(self, settings: Settings, turns: int | None = None) -> None:
        """``turns``: of its event loop until it dies, unless it has started by then."""
        self._orders, theirs = _CONTEXT.Pipe()
        self._numbers = count(1)
        self._answers: dict[int, Any] = {}
        self._process = _CONTEXT.Process(target=live, args=(theirs, settings, turns), daemon=True)
        self._process.start()
        theirs.close()

    def started(self) -> Any:
        """None, :class:`~instance.Failed` or :class:`Died`."""
        return self.end(0)

    def begin(self, method: str, *arguments: Any, turns: int | None = None) -> int:
        """Give an order; return its number."""
        number = next(self._numbers)
        self._orders.send(Order(number, method, arguments, turns))
        return number

    def end(self, number: int) -> Any:
        """What an order came to: its answer, :class:`~instance.Failed` or :class:`Died`."""
        while number not in self._answers:
            assert self._orders.poll(_LONGEST_SECONDS), f"no answer within {_LONGEST_SECONDS:g} s"
            try:
                answered, answer = self._orders.recv()
            except (EOFError, ConnectionError):
                self.kill()
                return Died()
            self._answers[answered] = answer
        return self._answers.pop(number)

    def ask(self, method: str, *arguments: Any, turns: int | None = None) -> Any:
        """Give an order and wait for what it comes to."""
        return self.end(self.begin(method, *arguments, turns=turns))

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()
        self._process.join()
        self._orders.close()

    def stop(self) -> None:
        """End it in good order."""
        self._orders.send(None)
        self.end(-1)
        self._process.join()
        self._orders.close()
