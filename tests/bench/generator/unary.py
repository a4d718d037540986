"""Callers of a unary method: each waits for its answer, or all call by the clock."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tests.bench.generator.calls import Calls
from tests.bench.generator.http2 import framed
from tests.bench.records import request
from tests.bench.run import Run, cpu_seconds


class ClosedLoad:
    """``callers`` callers make ``count`` calls, each the next one as soon as its last one is answered."""

    def __init__(self, address: str, method: str, count: int, callers: int) -> None:
        self._calls = Calls(address, method)
        self._count = count
        self._callers = callers
        self._requests: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Build all requests, the first timestamp being ``begin``."""
        self._requests = [framed(request(number, begin)) for number in range(self._count)]

    def run(self) -> Run:
        """Make all calls; the time ends with the last answer."""
        cpu, start = cpu_seconds(), time.perf_counter()
        for one in self._requests[: self._callers]:
            self._calls.begin(one, start)
        waiting, seconds = iter(self._requests[self._callers :]), list[float]()
        while len(seconds) < self._count:
            for took in self._calls.ended():
                seconds.append(took)
                if (following := next(waiting, None)) is not None:
                    self._calls.begin(following, time.perf_counter())
        return Run(self._count, time.perf_counter() - start, cpu_seconds() - cpu, percentiles(seconds))

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()


class PacedLoad:
    """Makes ``count`` calls at ``rate`` calls a second, whatever the answers do. A call's time counts from when it
    was due, so that a stall is seen by all the calls that fall into it."""

    def __init__(self, address: str, method: str, count: int, rate: float) -> None:
        self._calls = Calls(address, method)
        self._count = count
        self._rate = rate
        self._requests: list[bytes] = []

    def prepare(self, begin: int) -> None:
        """Build all requests, the first timestamp being ``begin``."""
        self._requests = [framed(request(number, begin)) for number in range(self._count)]

    def run(self) -> Run:
        """Make all calls; the time ends with the last answer."""
        cpu, start = cpu_seconds(), time.perf_counter()
        begun, seconds = 0, list[float]()
        while len(seconds) < self._count:
            due = min(self._count, int((time.perf_counter() - start) * self._rate) + 1)
            for number in range(begun, due):
                self._calls.begin(self._requests[number], start + number / self._rate)
            begun = due
            pause = start + begun / self._rate - time.perf_counter() if begun < self._count else 1.0
            seconds.extend(self._calls.ended(max(0.0, pause)))
        return Run(self._count, time.perf_counter() - start, cpu_seconds() - cpu, percentiles(seconds))

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()


def percentiles(seconds: list[float]) -> dict[str, Any]:
    """p50, p95, p99 in milliseconds."""
    values = np.percentile(seconds, [50, 95, 99]) * 1000
    return dict(zip(("p50", "p95", "p99"), values.tolist(), strict=True))
