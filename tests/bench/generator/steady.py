"""Gateways that stream at a steady rate, until they are told to stop."""

from __future__ import annotations

import time
from dataclasses import replace
from multiprocessing.synchronize import Event

from tests.bench.fleet import Fleet
from tests.bench.generator.stream import StreamLoad
from tests.bench.run import Run


class SteadyLoad:
    """Streams a fleet's messages over and over, each time later ones, ``rate`` points a second.

    The fleet is to be small: its messages are sent at once. It runs until ``stop`` is set.
    """

    def __init__(self, address: str, fleet: Fleet, rate: float, stop: Event) -> None:
        self._load = StreamLoad(address, fleet)
        self._span = fleet.row_span
        self._seconds = fleet.points / rate
        self._stop = stop
        self._begin = 0

    def prepare(self, begin: int) -> None:
        """The first timestamp of the next run."""
        self._begin = begin

    def run(self) -> Run:
        """Send; the time ends with the last acknowledgement."""
        start, due, total = time.perf_counter(), 0.0, Run(0, 0.0, 0.0)
        while not self._stop.is_set():
            self._load.prepare(self._begin)
            self._begin += self._span
            time.sleep(max(0.0, start + due - time.perf_counter()))
            sent = self._load.run()
            # What a full machine could not take is not made up for in a burst.
            due = max(due + self._seconds, time.perf_counter() - start)
            total = replace(total, amount=total.amount + sent.amount, cpu_seconds=total.cpu_seconds + sent.cpu_seconds)
        return replace(total, seconds=time.perf_counter() - start)

    def close(self) -> None:
        """Close all connections."""
        self._load.close()
