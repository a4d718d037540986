"""What the edge makes of a message: batches, and for every refused cell of them the place it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection
from iotflow_server.routing.refusal import Refusal
from iotflow_server.stores.batch import Batch

MAX_DEVICE_ID: Final = 2**31 - 1
DEVICE_ID_FAULT: Final = f"a device_id must be 1 to {MAX_DEVICE_ID}"


@dataclass(frozen=True, slots=True)
class DecodingRules:
    """Limits and precision that hold for one message."""

    precision_us: int
    max_text_bytes: int


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
