"""What became of a write."""

from __future__ import annotations

from dataclasses import dataclass

from iotflow_server.routing.refusal import Refusal
from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True, eq=False)
class WriteOutcome:
    """All points but the refused ones are durable in ``stored_in``."""

    stored_in: tuple[StoreName, ...]
    refusals: tuple[Refusal, ...] = ()
    #: Microseconds of one tick that the points' timestamps were kept to.
    precision_us: int = 1
