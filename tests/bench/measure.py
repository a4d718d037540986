"""What a measure is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iotflow_server.local.iotdb import LocalIotdb
from tests.bench.result import Result


@dataclass(frozen=True)
class Scale:
    """How much is measured: in full, or enough to see that it works.

    ``iotdb`` gives one that runs and was empty, in place of those that a measure starts for itself.
    """

    rounds: int
    is_quick: bool
    iotdb: Callable[[], LocalIotdb] | None = None

    def of(self, full: int, quick: int) -> int:
        """The size to take."""
        return quick if self.is_quick else full


FULL = Scale(rounds=5, is_quick=False)
QUICK = Scale(rounds=1, is_quick=True)


@dataclass(frozen=True)
class Measure:
    """``take`` measures in an empty folder; ``goal`` says what the result should be."""

    key: str
    goal: str
    take: Callable[[Measure, Path, Scale], Result]
