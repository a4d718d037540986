"""One log line and one count for every call that ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

import structlog

from iotflow_server.observability.metrics import Metrics

_log = structlog.get_logger(__name__)
#: structlog makes a logger for each line before it looks at the level, which is most of a short call's time.
_stdlib_log = logging.getLogger(__name__)

#: Codes that say that the server, not the caller, could not.
_SERVER_FAULTS: Final = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "DATA_LOSS"})


class CallObserver:
    """Observes calls from begin to end."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def begin(self, method: str, peer: Callable[[], str]) -> ObservedCall:
        """Note that a call begins. ``method`` is its full name, as in ``/package.Service/Method``.

        ``peer`` tells who calls; it is asked only where that is logged.
        """
        return ObservedCall(self._metrics, method, peer)


class ObservedCall:
    """A call under way."""

    def __init__(self, metrics: Metrics, method: str, peer: Callable[[], str]) -> None:
        self._metrics = metrics
        self._method = method
        self._peer = peer
        self._begin = time.perf_counter()

    def end(self, code: str, message: str = "") -> None:
        """Note that the call ended with a status code."""
        seconds = time.perf_counter() - self._begin
        self._metrics.call_ended(self._method, code, seconds)
        level = _level(code)
        if not _stdlib_log.isEnabledFor(level):
            return
        fields = {"method": self._method, "code": code, "milliseconds": round(seconds * 1000, 3), "peer": self._peer()}
        if message:
            fields["message"] = message
        _log.log(level, "call ended", action="call_ended", **fields)


def _level(code: str) -> int:
    if code in ("OK", "CANCELLED"):
        return logging.DEBUG
    if code in ("INTERNAL", "UNKNOWN"):
        return logging.ERROR
    return logging.WARNING if code in _SERVER_FAULTS else logging.INFO
