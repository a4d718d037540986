"""What others know that a transition should wait for: backfill, verification, shadow reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreError


class Evidence(Protocol):
    """Somebody who has something to say about a transition."""

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        """The guards of moving from a phase to its neighbour, as things stand now; none where it has no say.

        :raises StoreError: what it knows of cannot be read; the transition is refused for that.
        """


async def guards_by(evidence: Sequence[Evidence], current: Phase, target: Phase) -> tuple[Guard, ...]:
    """All that is said about a transition."""
    found = await asyncio.gather(*(_asked(each, current, target) for each in evidence))
    return tuple(guard for guards in found for guard in guards)


async def _asked(evidence: Evidence, current: Phase, target: Phase) -> Sequence[Guard]:
    try:
        return await evidence.guards(current, target)
    except StoreError as error:
        return (Guard("evidence_known", False, error.message, f"bring {error.store} back, and ask again"),)
