"""Callers of a unary method: each waits for its answer, or all call by the clock."""

from __future__ import annotations

from tests.bench.generator.calls import Calls
from tests.bench.generator.http2 import framed
from tests.bench.generator.pace import by_callers, by_the_clock
from tests.bench.records import request
from tests.bench.run import Run


class ClosedLoad:
    """``callers`` callers make ``count`` calls, each the next one as soon as its last one is answered."""

    def __init__(self, address: str, method: str, count: int, callers: int) -> None:
        self._calls = Calls(address, method)
        self._count = count
        self._callers = callers
        self._requests: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Build all requests, the first timestamp being ``begin``."""
        self._requests = _requests(self._count, begin)

    def run(self) -> Run:
        """Make all calls."""
        return by_callers(self._calls, self._requests, self._callers)

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()


class PacedLoad:
    """Makes ``count`` calls, ``rate`` a second, whatever the answers do."""

    def __init__(self, address: str, method: str, count: int, rate: float) -> None:
        self._calls = Calls(address, method)
        self._count = count
        self._rate = rate
        self._requests: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Build all requests, the first timestamp being ``begin``."""
        self._requests = _requests(self._count, begin)

    def run(self) -> Run:
        """Make all calls."""
        return by_the_clock(self._calls, self._requests, self._rate)

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()


def _requests(count: int, begin: int) -> list[bytes]:
    return [framed(request(number, begin)) for number in range(count)]
