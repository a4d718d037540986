"""How long to wait before the next attempt at a connection, and where to make it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

import grpc

from iotflow.telemetry._errors import TelemetryError

_FIRST_PAUSE: Final = 0.2

_INCURABLE: Final = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.DATA_LOSS,
    }
)


def is_incurable(error: TelemetryError) -> bool:
    """Whether it will be so again, however often it is tried, until somebody changes something."""
    return error.code in _INCURABLE


def is_too_large(error: TelemetryError) -> bool:
    """Whether a message was too large, for the service or for gRPC below it."""
    # The reason is there only where google.rpc is installed.
    found = error.reason == "MESSAGE_TOO_LARGE" or "IOTFLOW_MAX_MESSAGE_BYTES" in error.message
    return found or "larger than max" in error.message


class Route:
    """Addresses in turn: after a failure the next one, and a pause once all have failed."""

    def __init__(self, addresses: Sequence[str], max_pause: float) -> None:
        self._addresses = addresses
        self._max_pause = max_pause
        self._position = 0
        self._failures = 0

    @property
    def address(self) -> str:
        """Where the next attempt is made."""
        return self._addresses[self._position]

    def succeeded(self) -> None:
        """The address does what it should."""
        self._failures = 0

    def pause_after(self, error: TelemetryError) -> float:
        """Go on to the next address; return the seconds to wait before it is tried.

        Pauses grow exponentially, each anywhere between nothing and its bound, so that gateways that lost one service
        together do not come back together. They are long at once where no retry helps.
        """
        self._position = (self._position + 1) % len(self._addresses)
        self._failures += 1
        rounds, rest = divmod(self._failures, len(self._addresses))
        if rest:
            return 0.0
        if is_incurable(error):
            return random.uniform(self._max_pause / 2, self._max_pause)
        bound = min(self._max_pause, _FIRST_PAUSE * 2 ** min(rounds - 1, 30))
        return (error.retry_after or 0.0) + random.uniform(0.0, bound)
