"""How an instance acts: its phase, and when it may acknowledge a write."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName


class Promise(enum.StrEnum):
    """What the acknowledgement of a write means where two stores are written."""

    #: The primary has it, and the secondary too or its range is recorded as dirty.
    PRIMARY = "primary"
    #: Both have it: some instances may read the one and some the other before long.
    BOTH = "both"
    #: Both have it, and this instance has moved already.
    BOTH_MOVED = "both, moved"


@dataclass(frozen=True, slots=True)
class Stance:
    """What an instance does with a write. ``remembers``: what is written to one store is recorded for the other."""

    phase: Phase
    promise: Promise = Promise.PRIMARY
    remembers: bool = False

    @property
    def needs_both(self) -> bool:
        """Whether a write is acknowledged only when both stores have it."""
        return self.promise is not Promise.PRIMARY

    @property
    def is_turning(self) -> bool:
        """Whether primary and secondary are about to change places."""
        return self.promise is Promise.BOTH

    @property
    def forgoes(self) -> StoreName | None:
        """The store that is kept for a way back, and not written meanwhile."""
        is_kept = self.phase.keeps_iotdb and not self.phase.writes_to(StoreName.IOTDB)
        return StoreName.IOTDB if is_kept else None

    @property
    def doubtful(self) -> StoreName | None:
        """The store whose range is recorded where the two may differ; None: nothing is recorded.

        Before the two change places only what was not acknowledged, or was written twice at once, can differ. Either
        store is right then, and the range is left to the time after.
        """
        if self.is_turning:
            return self.phase.primary
        if self.remembers:
            return StoreName.POSTGRES
        return self.phase.secondary
