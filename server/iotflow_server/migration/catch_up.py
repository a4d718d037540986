"""Waits for the repair of what was known to differ at a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

_LOOK_SECONDS: Final = 0.1


class CatchUp:
    """``lag`` tells for how many seconds the secondary is known to differ somewhere."""

    def __init__(self, lag: Callable[[], float], patience_seconds: float) -> None:
        """``patience_seconds``: the longest wait."""
        self._lag = lag
        self._patience = patience_seconds

    async def since(self, moment: float) -> bool:
        """Whether all is repaired that was known at a moment of ``time.monotonic``, after a wait for it."""
        for _ in range(int(self._patience / _LOOK_SECONDS)):
            # Where writes cross all the while, something is always noted; what was by that moment is what matters.
            if self._is_over(moment):
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return self._is_over(moment)

    def _is_over(self, moment: float) -> bool:
        return self._lag() < time.monotonic() - moment
