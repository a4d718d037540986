"""Reads google.rpc statuses from what calls raise."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status

_DETAILS = (BadRequest, ErrorInfo, PreconditionFailure, RetryInfo)


class Failure:
    """A failed call: its code, message, and details by type."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        status = Status()
        status.ParseFromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        assert (status.code, status.message) == (self.code.value[0], self.message)
        self.details: dict[type[Any], Any] = {}
        for packed in status.details:
            for kind in _DETAILS:
                if packed.Is(kind.DESCRIPTOR):
                    self.details[kind] = kind.FromString(packed.value)

    @property
    def reason(self) -> str:
        info = self.details[ErrorInfo]
        assert info.domain == "iotflow.telemetry"
        return str(info.reason)

    @property
    def fields(self) -> list[str]:
        return [violation.field for violation in self.details[BadRequest].field_violations]

    @property
    def retry_seconds(self) -> float:
        delay = self.details[RetryInfo].retry_delay
        return float(delay.seconds + delay.nanos / 1e9)


async def failure_of(call: Awaitable[Any]) -> Failure:
    """Await a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Failure(caught.value)
