"""Callers of a query: each waits for its answer."""

from __future__ import annotations

from tests.bench.generator.calls import Calls
from tests.bench.generator.http2 import framed
from tests.bench.generator.pace import by_callers
from tests.bench.history import History
from tests.bench.queries import method_of, requests
from tests.bench.run import Run


class QueryLoad:
    """``callers`` callers make ``count`` queries, each the next one as soon as its last one is answered."""

    def __init__(self, address: str, key: str, history: History, count: int, callers: int) -> None:
        self._calls = Calls(address, method_of(key))
        self._requests = [framed(request.SerializeToString()) for request in requests(key, history, count)]
        self._callers = callers

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Make all queries."""
        return by_callers(self._calls, self._requests, self._callers)

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()
