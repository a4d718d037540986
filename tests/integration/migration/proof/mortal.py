"""An event loop whose process dies as by kill -9 at a chosen turn, so that a test can kill it between any two steps."""

from __future__ import annotations

import os
import selectors
import signal
from typing import Any


class MortalSelector(selectors.DefaultSelector):
    """Is asked once in each turn of an event loop. ``turns_left``: until the process dies; None: it lives on."""

    def __init__(self) -> None:
        super().__init__()
        self.turns_left: int | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        """Wait for what a turn is made of, unless this is the last one."""
        if self.turns_left is not None:
            self.turns_left -= 1
            if self.turns_left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().select(timeout)
