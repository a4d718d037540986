"""What the edge makes of a message: batches, and for every refused cell of them the place it came from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection
from iotflow_server.routing.refusal import Refusal
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import MAX_TIMESTAMP

MAX_DEVICE_ID: Final = 2**31 - 1
DEVICE_ID_FAULT: Final = f"a device_id must be 1 to {MAX_DEVICE_ID}"


@dataclass(frozen=True, slots=True)
class DecodingRules:
    """Limits and precision that hold for one message.

    ``max_lead_seconds`` is how far a timestamp may be ahead of the server's clock, None for any; ``end`` is the first
    moment that is not taken, in microseconds since 1970.
    """

    precision_us: int
    max_text_bytes: int
    max_lead_seconds: float | None = None
    end: int = MAX_TIMESTAMP

    def as_of_now(self) -> DecodingRules:
        """The rules for a message that has come now."""
        if self.max_lead_seconds is None:
            return self
        lead = min(self.max_lead_seconds * 1e6, MAX_TIMESTAMP)
        return replace(self, end=min(time.time_ns() // 1000 + int(lead) + 1, MAX_TIMESTAMP))

    def ahead_fault(self, timestamp: int) -> str:
        """What is wrong with a timestamp that is not before ``end``."""
        moment = datetime(1970, 1, 1) + timedelta(microseconds=timestamp)
        limit = f"more than {self.max_lead_seconds:g} s ahead of the server's clock (IOTFLOW_MAX_FUTURE_SECONDS)"
        return f"{moment.isoformat(timespec='microseconds')}Z is {limit}"


class Decoded(Protocol):
    """A decoded message."""

    @property
    def batches(self) -> Sequence[Batch]:
        """What may be written; in this order, since a later batch wins over an earlier one."""

    @property
    def rejections(self) -> Sequence[Rejection]:
        """What the edge refused."""

    @property
    def points(self) -> int:
        """Points that the edge took, those that a later one of the same message overwrites included."""

    @property
    def owners(self) -> Mapping[int, int]:
        """The user_id that came with each device."""

    def rejections_of(self, refusal: Refusal) -> Iterator[Rejection]:
        """Name the refused cells of a batch by their places in the message."""
