"""How one call went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter_ns

import grpc


@dataclass(frozen=True)
class Outcome:
    """A call that has ended: when, after how many nanoseconds, and with which status. ``size``: bytes received."""

    ended: datetime
    latency: int
    status: str
    error: str = ""
    size: int = 0


def timed(call: Callable[[], int]) -> Outcome:
    """Make a call, which returns the bytes received, and tell how it went."""
    begin = perf_counter_ns()
    try:
        size = call()
    except grpc.RpcError as error:
        status = status_name(error.code())
        text = f"rpc error: code = {status} desc = {error.details()}"
        return Outcome(datetime.now(UTC), perf_counter_ns() - begin, status, text)
    return Outcome(datetime.now(UTC), perf_counter_ns() - begin, "OK", size=size)


def status_name(code: grpc.StatusCode) -> str:
    """The name of a status as Go, and so ghz, writes it: ``InvalidArgument``."""
    if code is grpc.StatusCode.OK:
        return "OK"
    if code is grpc.StatusCode.CANCELLED:
        return "Canceled"
    return code.name.title().replace("_", "")
