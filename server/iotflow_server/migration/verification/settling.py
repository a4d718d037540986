"""Tells differences that stay from those that are but writes under way."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from iotflow_server.migration.catch_up import CatchUp
from iotflow_server.migration.verification.comparing import Comparison
from iotflow_server.migration.verification.differences import Differences
from iotflow_server.stores.selection import TimeRange

#: Pauses before each further look, in seconds. What differs alike at this many looks in a row stays.
_PAUSES: Final = (0.5, 1.0, 1.5)
#: Looks at points that differ in ever other ways, before they count as written all the while.
_MOST_LOOKS: Final = 8


class Settling:
    """Looks again; the repair of what was known at a look is waited for before the next one."""

    def __init__(self, comparison: Comparison, catch_up: CatchUp) -> None:
        self._comparison = comparison
        self._catch_up = catch_up

    async def settled(self, device_id: int, found: Differences) -> Differences:
        """Those that stay as they are, look after look."""
        alike = dict.fromkeys(found, 0)
        for look in range(_MOST_LOOKS):
            if not found or min(alike.values()) >= len(_PAUSES):
                break
            looked_at = time.monotonic()
            await asyncio.sleep(_PAUSES[min(look, len(_PAUSES) - 1)])
            if look:
                # What was but under way is gone by the first look, and nothing is waited for.
                await self._catch_up.since(looked_at)
            again = await self._again(device_id, found)
            alike = {place: alike[place] + 1 if found.get(place) == one else 0 for place, one in again.items()}
            found = again
        return {place: one for place, one in found.items() if alike[place] >= len(_PAUSES)}

    async def _again(self, device_id: int, found: Differences) -> Differences:
        moments = [place.timestamp for place in found]
        names = {place.measurement for place in found}
        span = TimeRange(min(moments), max(moments) + 1)
        again, _ = await self._comparison.differences(device_id, names, span)
        # What began to differ meanwhile is under way.
        return {place: one for place, one in again.items() if place in found}
