"""How often and when a write is sent again."""

from __future__ import annotations

import random
import time
from typing import Final

from iotflow.telemetry._errors import TelemetryError, UnavailableError

_MOST: Final = 4
_FIRST_PAUSE: Final = 0.2


class Attempts:
    """The attempts at one call, all within its timeout."""

    def __init__(self, timeout: float, *, is_repeated: bool) -> None:
        self._deadline = time.monotonic() + timeout
        self._left = _MOST - 1 if is_repeated else 0
        self._pause = _FIRST_PAUSE

    @property
    def seconds_left(self) -> float:
        """What is left of the timeout."""
        return max(0.0, self._deadline - time.monotonic())

    def pause_after(self, error: TelemetryError) -> float:
        """Seconds to wait before the next attempt.

        :raises TelemetryError: the error, where there is no further attempt.
        """
        pause = self._pause * random.uniform(0.8, 1.2) if error.retry_after is None else error.retry_after
        if not self._left or not isinstance(error, UnavailableError) or pause >= self.seconds_left:
            raise error
        self._left -= 1
        self._pause *= 2
        return pause
