"""Unary calls over a few connections, any number of them at once."""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.bench.generator.http2 import CallFailedError, Http2Connection
from tests.bench.generator.pace import PATIENCE

_CONNECTIONS: Final = 4


@dataclass(frozen=True, slots=True)
class _Call:
    request: bytes
    #: When it began, or should have begun.
    begin: float


class Calls:
    """Begins calls of one method and tells when they end."""

    def __init__(self, address: str, method: str) -> None:
        self._connections = {one.fileno(): one for one in (Http2Connection(address) for _ in range(_CONNECTIONS))}
        self._headers = {number: one.headers(method) for number, one in self._connections.items()}
        self._turn = deque(self._connections)
        #: By connection: calls that flow control holds back, and those under way by stream.
        self._held: dict[int, deque[_Call]] = {number: deque() for number in self._connections}
        self._under_way: dict[int, dict[int, _Call]] = {number: {} for number in self._connections}

    def begin(self, request: bytes, begin: float) -> None:
        """Make a call with a framed request; it is sent by the next :meth:`ended`."""
        self._held[self._turn[0]].append(_Call(request, begin))
        self._turn.rotate(-1)

    def ended(self, timeout: float = PATIENCE) -> Iterator[float]:
        """Send what has begun, wait for an answer, and yield the seconds that each ended call took.

        :raises CallFailedError: a call did not end with OK.
        """
        for number in self._connections:
            self._send(number)
        unsent = [number for number, one in self._connections.items() if one.unsent]
        ready, _, _ = select.select(list(self._connections), unsent, [], timeout)
        if not ready and timeout == PATIENCE:
            raise CallFailedError(f"no answer within {PATIENCE:.0f} s")
        for number in ready:
            under_way, now = self._under_way[number], time.perf_counter()
            for received in self._connections[number].receive():
                if received.has_ended:
                    yield now - under_way.pop(received.stream).begin

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()

    def _send(self, number: int) -> None:
        connection, held = self._connections[number], self._held[number]
        while held and connection.window >= len(held[0].request):
            call = held.popleft()
            stream = connection.begin(self._headers[number])
            connection.send(stream, call.request, end=True)
            self._under_way[number][stream] = call
        connection.flush()
