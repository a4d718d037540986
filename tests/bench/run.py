"""What one side of a measure did in one round."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """``amount`` points or calls in ``seconds``; ``cpu_seconds`` is what the client itself computed."""

    amount: int
    seconds: float
    cpu_seconds: float
    more: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Amount a second."""
        return self.amount / self.seconds


def cpu_seconds() -> float:
    """CPU time of this process up to now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
