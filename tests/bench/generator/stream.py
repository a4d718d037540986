"""Gateways that stream: one connection and one WriteTelemetryStream each, all in one loop."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamResponse
from tests.bench.fleet import Fleet
from tests.bench.generator.http2 import CallFailedError, Http2Connection, framed
from tests.bench.run import Run, cpu_seconds

_METHOD: Final = "/iotflow.telemetry.v1.TelemetryService/WriteTelemetryStream"
_PREFIX: Final = 5
#: Longest wait for the next acknowledgement of any gateway, in seconds.
_PATIENCE: Final = 60.0
#: Pause before a gateway connects anew, in seconds.
_PAUSE: Final = 0.05


@dataclass(frozen=True)
class Window:
    """What a gateway has in flight at most. It sends on once a quarter of that is acknowledged."""

    messages: int = 64
    nbytes: int = 4 << 20


class StreamLoad:
    """Streams a fleet's messages, built ahead, and waits for the last acknowledgement.

    Where it ``resumes``, a gateway whose stream fails connects anew and sends what was not acknowledged.
    """

    def __init__(self, address: str, fleet: Fleet, resumes: bool = False, window: Window | None = None) -> None:
        self._address = address
        self._fleet = fleet
        self._resumes = resumes
        self._poll = select.epoll()
        self._gateways: dict[int, _Gateway] = {}
        for _ in range(fleet.gateways):
            self._add(_Gateway(Http2Connection(address), window or Window()))

    def prepare(self, begin: int) -> None:
        """Build all messages, their first timestamp being ``begin``."""
        for number, gateway in enumerate(self._gateways.values()):
            gateway.load([self._fleet.request(number, one, begin) for one in range(self._fleet.messages)])

    def run(self) -> Run:
        """Send all; the time ends with the last acknowledgement."""
        cpu, start = cpu_seconds(), time.perf_counter()
        for gateway in self._gateways.values():
            gateway.restart()
            self._watch(gateway)
        waiting = set(self._gateways.values())
        while waiting:
            waiting -= self._turn(waiting)
        last = max(gateway.acknowledged_at for gateway in self._gateways.values())
        accepted = sum(gateway.accepted for gateway in self._gateways.values())
        if accepted != self._fleet.points:
            raise CallFailedError(f"{accepted} points of {self._fleet.points} were accepted")
        return Run(accepted, last - start, cpu_seconds() - cpu)

    def close(self) -> None:
        """Close all connections."""
        for gateway in self._gateways.values():
            gateway.connection.close()

    def _turn(self, waiting: set[_Gateway]) -> set[_Gateway]:
        """Serve every connection that is ready; return the gateways that have ended."""
        ready = self._poll.poll(_PATIENCE)
        if not ready:
            raise CallFailedError(f"no answer within {_PATIENCE:.0f} s; {len(waiting)} gateways wait")
        gateways = [self._gateways[descriptor] for descriptor, _ in ready]
        for gateway in gateways:
            try:
                gateway.advance()
            except (CallFailedError, OSError):
                if not self._resumes:
                    raise
                self._reconnect(gateway)
            self._watch(gateway)
        return {gateway for gateway in gateways if gateway.has_ended}

    def _add(self, gateway: _Gateway) -> None:
        self._gateways[gateway.connection.fileno()] = gateway
        self._poll.register(gateway.connection, select.EPOLLIN)

    def _reconnect(self, gateway: _Gateway) -> None:
        del self._gateways[gateway.connection.fileno()]
        gateway.connection.close()
        gateway.reconnect(_connected(self._address))
        self._add(gateway)

    def _watch(self, gateway: _Gateway) -> None:
        wanted = select.EPOLLIN | (select.EPOLLOUT if gateway.connection.unsent else 0)
        if wanted != gateway.watched:
            self._poll.modify(gateway.connection, wanted)
            gateway.watched = wanted


def _connected(address: str) -> Http2Connection:
    """Connect as soon as the server listens. All gateways wait meanwhile; they all need it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        time.sleep(_PAUSE)
        try:
            return Http2Connection(address)
        except OSError:
            if time.monotonic() > deadline:
                raise


class _Gateway:
    """Messages of one gateway as one run of bytes, and how far it has come."""

    def __init__(self, connection: Http2Connection, window: Window) -> None:
        self.connection = connection
        self.watched = select.EPOLLIN
        self.has_ended = False
        self.accepted = 0
        self.acknowledged_at = 0.0
        self._window = window
        self._headers = connection.headers(_METHOD)
        self._bytes = memoryview(b"")
        #: Where message n ends, at index n; index 0 is 0.
        self._ends: list[int] = [0]
        self._sent = 0
        self._acknowledged = 0
        self._stream = 0
        self._answers = bytearray()

    def load(self, messages: Sequence[bytes]) -> None:
        pieces = [framed(message) for message in messages]
        self._bytes = memoryview(b"".join(pieces))
        self._ends = [0, *accumulate(map(len, pieces))]

    def restart(self) -> None:
        self._acknowledged = self.accepted = 0
        self._begin()

    def reconnect(self, connection: Http2Connection) -> None:
        self.connection = connection
        self.watched = select.EPOLLIN
        if self._acknowledged == len(self._ends) - 1:
            # Only the good end of the stream was missing.
            self.has_ended = True
        else:
            self._begin()

    def _begin(self) -> None:
        self.has_ended = False
        self._answers.clear()
        self._sent = self._ends[self._acknowledged]
        self._stream = self.connection.begin(self._headers)
        self._send()

    def advance(self) -> None:
        for received in self.connection.receive():
            self._answers += received.data
            self.has_ended |= received.has_ended
        self._take_answers()
        self._send()

    def _send(self) -> None:
        held, total = self._sent - self._ends[self._acknowledged], len(self._bytes)
        end = min(self._limit(), self._sent + self.connection.room(self._stream))
        # Small pieces cost both sides more; but half a message is never acknowledged.
        is_worth_it = end == total or self._sent < self._first_end or end - self._sent >= held // 3
        if self._sent < end and is_worth_it:
            self.connection.send(self._stream, self._bytes[self._sent : end], end=end == total)
            self._sent = end
        self.connection.flush()

    def _limit(self) -> int:
        """Where the window ends, as an index into the bytes; at least one message is in it."""
        by_messages = self._ends[min(self._acknowledged + self._window.messages, len(self._ends) - 1)]
        by_bytes = self._ends[self._acknowledged] + self._window.nbytes
        return max(self._first_end, min(by_messages, by_bytes))

    @property
    def _first_end(self) -> int:
        """Where the first message that is not acknowledged ends."""
        return self._ends[min(self._acknowledged + 1, len(self._ends) - 1)]

    def _take_answers(self) -> None:
        taken = 0
        while len(self._answers) - taken >= _PREFIX:
            end = taken + _PREFIX + int.from_bytes(self._answers[taken + 1 : taken + _PREFIX], "big")
            if len(self._answers) < end:
                break
            answer = WriteTelemetryStreamResponse.FromString(bytes(self._answers[taken + _PREFIX : end]))
            self._acknowledged = answer.acknowledged_sequence
            self.accepted += answer.accepted_points
            taken = end
        if taken:
            del self._answers[:taken]
            self.acknowledged_at = time.perf_counter()
