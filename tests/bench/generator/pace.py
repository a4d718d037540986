"""When calls are made: as soon as an answer is there, or by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from tests.bench.run import Run, cpu_seconds

PATIENCE: Final = 30.0


class Caller(Protocol):
    """Something that takes requests, many at a time, and tells how long each took."""

    def begin(self, request: bytes, begin: float) -> None:
        """Make a call, which counts from ``begin`` on; it is sent by the next :meth:`ended`."""

    def ended(self, timeout: float = PATIENCE) -> Iterator[float]:
        """Send, wait for an answer, and yield the seconds that each ended call took."""


def by_callers(calls: Caller, requests: Sequence[bytes], callers: int) -> Run:
    """So many callers make all calls; the time ends with the last answer."""
    cpu, start = cpu_seconds(), time.perf_counter()
    for request in requests[:callers]:
        calls.begin(request, start)
    waiting, seconds = iter(requests[callers:]), list[float]()
    while len(seconds) < len(requests):
        for took in calls.ended():
            seconds.append(took)
            if (following := next(waiting, None)) is not None:
                calls.begin(following, time.perf_counter())
    return Run(len(requests), time.perf_counter() - start, cpu_seconds() - cpu, _percentiles(seconds))


def by_the_clock(calls: Caller, requests: Sequence[bytes], rate: float) -> Run:
    """Make ``rate`` calls a second. A call counts from when it was due, so that all see a stall that it falls into."""
    cpu, start = cpu_seconds(), time.perf_counter()
    begun, seconds = 0, list[float]()
    while len(seconds) < len(requests):
        due = min(len(requests), int((time.perf_counter() - start) * rate) + 1)
        for number in range(begun, due):
            calls.begin(requests[number], start + number / rate)
        begun = due
        pause = start + begun / rate - time.perf_counter() if begun < len(requests) else PATIENCE
        seconds.extend(calls.ended(max(0.0, pause)))
    return Run(len(requests), time.perf_counter() - start, cpu_seconds() - cpu, _percentiles(seconds))


def _percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    values = np.percentile(seconds, [50, 95, 99]) * 1000
    return dict(zip(("p50", "p95", "p99"), values.tolist(), strict=True))
