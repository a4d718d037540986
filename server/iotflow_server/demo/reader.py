"""A simulated reader: asks for ranges of devices, and checks each answer against the ledger."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from iotflow.telemetry import TelemetryClient, TelemetryError
from iotflow_server.demo.ledger import Key, Ledger, Verdict
from iotflow_server.demo.saying import Say

#: Between two reads.
PAUSE_SECONDS: Final = 0.1
#: Keys that a read covers.
_KEYS: Final = 300
_TIMEOUT_SECONDS: Final = 10.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Reader:
    """Reads old and new points by turns, from one instance or another."""

    def __init__(self, addresses: Sequence[str], ledger: Ledger, seed: int, say: Say) -> None:
        self._addresses = addresses
        self._ledger = ledger
        self._random = random.Random(seed)
        self._say = say
        #: Of all reads so far.
        self.verdict = Verdict()
        #: Milliseconds that reads took, with the time at which they began.
        self.waits: list[tuple[float, float]] = []
        #: Reads that ended with an error.
        self.failures = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until told to stop."""
        clients = [TelemetryClient(address) for address in self._addresses]
        try:
            while not stopping.is_set():
                await self._read(self._random.choice(clients))
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await asyncio.gather(*(client.close() for client in clients))

    async def _read(self, client: TelemetryClient) -> None:
        device_id = self._random.choice(self._ledger.device_ids)
        start, end = self._range(self._ledger.keys(device_id))
        since, begin = self._ledger.now(), time.perf_counter()
        found: dict[Key, Any] = {}
        try:
            points = client.iter_points(device_ids=[device_id], start=start, end=end, timeout=_TIMEOUT_SECONDS)
            async for point in points:
                found[(point.timestamp - _EPOCH) // _MICROSECOND, point.measurement] = point.value
        except TelemetryError:
            self.failures += 1
            return
        self.waits.append((begin, 1000 * (time.perf_counter() - begin)))
        verdict = self._ledger.check(device_id, start, end, since, found)
        if not verdict.is_clean and self.verdict.is_clean:
            self._say(f"  a reader finds: {'; '.join(verdict.samples)}")
        self.verdict += verdict

    def _range(self, keys: Sequence[Key]) -> tuple[int, int]:
        """The newest keys every other time, else any."""
        newest = max(0, len(keys) - _KEYS)
        first = newest if self._random.random() < 0.5 else self._random.randint(0, newest)
        return keys[first][0], keys[min(first + _KEYS, len(keys)) - 1][0] + 1
