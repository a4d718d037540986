"""What is being written to two stores at this moment, so that what is cut off between them is known afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.frame import DeviceIds, Frame


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Devices, ascending and each once, and of each the first and the last timestamp, in microseconds since 1970."""

    device_ids: DeviceIds
    first: Timestamps
    last: Timestamps

    @classmethod
    def of(cls, frame: Frame) -> Spans:
        """What a resolved frame writes: it has one batch for each device, in the order of time."""
        begins, ends = frame.starts[:-1], frame.starts[1:]
        return cls(frame.device_ids[begins], frame.timestamps[begins], frame.timestamps[ends - 1])

    def only(self, chosen: NDArray[np.bool_]) -> Spans:
        """Some of them, one bool for each."""
        return Spans(self.device_ids[chosen], self.first[chosen], self.last[chosen])


class InFlight(Protocol):
    """Remembers durably what is under way to both stores. What it still knows after a crash may differ in them."""

    def writing(self, spans: Spans) -> AbstractAsyncContextManager[None]:
        """Within the block what is written is marked."""

    def deleting(self, ranges: Sequence[DirtyRange]) -> AbstractAsyncContextManager[None]:
        """Within the block what is deleted is marked."""
