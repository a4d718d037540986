"""A simulated reader: asks for points of devices in every way there is, and checks each answer against the ledger."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from iotflow.telemetry import Aggregation, Point, TelemetryClient, TelemetryError
from iotflow_server.demo.ledger import Key, Ledger, Verdict
from iotflow_server.demo.saying import Say

#: Between two reads.
PAUSE_SECONDS: Final = 0.1
#: Keys that a read covers.
_KEYS: Final = 300
#: Points of a page where several are to be walked.
_PAGE_POINTS: Final = 70
#: A series of integers that every device has.
_COUNTED: Final = "uptime"
_TIMEOUT_SECONDS: Final = 10.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

#: Judges an answer to what was asked at a moment of the ledger.
_Check = Callable[[int], Verdict]
_Answer = TypeVar("_Answer")


class Reader:
    """Reads old and new points by turns, from one instance or another."""

    def __init__(self, addresses: Sequence[str], ledger: Ledger, seed: int, say: Say) -> None:
        self._addresses = addresses
        self._ledger = ledger
        self._random = random.Random(seed)
        self._say = say
        self._ways = {
            "ranges": self._range,
            "pages": self._pages,
            "latest points": self._latest,
            "aggregates": self._aggregate,
        }
        #: Of all reads so far.
        self.verdict = Verdict()
        #: Milliseconds that calls took, with the time at which they began.
        self.waits: list[tuple[float, float]] = []
        #: How many were answered, by what was asked for.
        self.answered: Counter[str] = Counter()
        #: Reads that ended with an error.
        self.failures = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until told to stop."""
        clients = [TelemetryClient(address) for address in self._addresses]
        try:
            while not stopping.is_set():
                await self._read(clients)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await asyncio.gather(*(client.close() for client in clients))

    async def _read(self, clients: Sequence[TelemetryClient]) -> None:
        device_id = self._random.choice(self._ledger.device_ids)
        way, ask = self._random.choice(list(self._ways.items()))
        since = self._ledger.now()
        try:
            check = await ask(clients, device_id)
        except TelemetryError:
            self.failures += 1
            return
        self.answered[way] += 1
        verdict = check(since)
        if not verdict.is_clean and self.verdict.is_clean:
            self._say(f"  a reader of {way} finds: {'; '.join(verdict.samples)}")
        self.verdict += verdict

    async def _timed(self, call: Coroutine[Any, Any, _Answer]) -> _Answer:
        begin = time.perf_counter()
        answer = await call
        self.waits.append((begin, 1000 * (time.perf_counter() - begin)))
        return answer

    async def _range(self, clients: Sequence[TelemetryClient], device_id: int) -> _Check:
        start, end = self._chosen(device_id)
        client = self._random.choice(clients)
        points = client.iter_points(device_ids=[device_id], start=start, end=end, timeout=_TIMEOUT_SECONDS)
        found = _by_key(await self._timed(_all(points)))
        return lambda since: self._ledger.check(device_id, start, end, since, found)

    async def _pages(self, clients: Sequence[TelemetryClient], device_id: int) -> _Check:
        """Each page from one instance or another."""
        start, end = self._chosen(device_id)
        found: dict[Key, Any] = {}
        token, is_last = "", False
        while not is_last:
            call = self._random.choice(clients).query(
                device_ids=[device_id],
                start=start,
                end=end,
                page_size=_PAGE_POINTS,
                page_token=token,
                timeout=_TIMEOUT_SECONDS,
            )
            page = await self._timed(call)
            found |= _by_key(page.points)
            token, is_last = page.next_page_token, not page.next_page_token
        return lambda since: self._ledger.check(device_id, start, end, since, found)

    async def _latest(self, clients: Sequence[TelemetryClient], device_id: int) -> _Check:
        """Of series that are still written: others have their newest points anywhere."""
        names = {name for _, name in self._ledger.keys(device_id)[-_KEYS:]}
        client = self._random.choice(clients)
        call = client.latest(device_ids=[device_id], measurements=names, timeout=_TIMEOUT_SECONDS)
        latest = await self._timed(call)
        found = _by_key(latest.points)
        return lambda since: self._ledger.check_latest(device_id, names, since, found)

    async def _aggregate(self, clients: Sequence[TelemetryClient], device_id: int) -> _Check:
        start, end = self._chosen(device_id)
        call = self._random.choice(clients).aggregate(
            [Aggregation.COUNT, Aggregation.SUM],
            device_ids=[device_id],
            measurements=[_COUNTED],
            start=start,
            end=end,
            timeout=_TIMEOUT_SECONDS,
        )
        answer = await self._timed(call)
        values = answer.rows[0].values if answer.rows else {}
        count, total = values.get(Aggregation.COUNT, 0), values.get(Aggregation.SUM)
        return lambda since: self._ledger.check_sum(device_id, _COUNTED, start, end, since, count, total)

    def _chosen(self, device_id: int) -> tuple[int, int]:
        """The range of the newest keys every other time, else of any."""
        keys = self._ledger.keys(device_id)
        newest = max(0, len(keys) - _KEYS)
        first = newest if self._random.random() < 0.5 else self._random.randint(0, newest)
        return keys[first][0], keys[min(first + _KEYS, len(keys)) - 1][0] + 1


async def _all(points: AsyncIterator[Point]) -> list[Point]:
    return [point async for point in points]


def _by_key(points: Iterable[Point]) -> dict[Key, Any]:
    return {((point.timestamp - _EPOCH) // _MICROSECOND, point.measurement): point.value for point in points}
