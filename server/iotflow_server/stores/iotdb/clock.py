"""Time as IoTDB counts it: ticks, whose length is set when a server is first started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.iotdb.status import refused
from iotflow_server.stores.selection import TimeRange

_MICROSECONDS: Final = {"ms": 1000, "us": 1}
#: IoTDB takes nothing later, so a bound beyond it need not be said.
_LATEST: Final = 10**13 * 1000
#: Between two bounds IoTDB counts up all weeks, at some microseconds and bytes for each.
_WIDE: Final = 20 * 366 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """A range of ticks, both ends included; ``last`` is None where there is no need for a bound."""

    first: int
    last: int | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in it."""
        return self.last is not None and self.last < self.first

    @property
    def where(self) -> str:
        """The condition in SQL. It always has a lower bound: a row at -2^63 makes IoTDB hang."""
        return f"time >= {self.first}" + ("" if self.last is None else f" AND time <= {self.last}")


@dataclass(frozen=True, slots=True)
class Clock:
    """Converts between microseconds and ticks."""

    microseconds: int

    @classmethod
    def of(cls, precision: str) -> Clock:
        """Return the clock of a server of that timestamp_precision.

        :raises StoreRefusedError: ticks are finer than what the service can tell apart.
        """
        if precision not in _MICROSECONDS:
            raise refused(f"its timestamp_precision is {precision!r}; ms and us are supported")
        return cls(_MICROSECONDS[precision])

    def ticks(self, timestamps: Timestamps) -> NDArray[np.int64]:
        """Return timestamps in ticks, floored."""
        return timestamps // self.microseconds

    def timestamps(self, ticks: NDArray[np.int64]) -> Timestamps:
        """Return ticks in microseconds since 1970."""
        return ticks * self.microseconds

    def window(self, time_range: TimeRange) -> Window:
        """Return the ticks that lie in a range."""
        first, last = self._ceil(time_range.start), self._ceil(time_range.end) - 1
        return Window(first, None if time_range.start <= _LATEST < time_range.end else last)

    @property
    def last(self) -> int:
        """The latest tick that IoTDB takes."""
        return _LATEST // self.microseconds

    def is_wide(self, window: Window) -> bool:
        """Whether asking for the window as it is costs IoTDB much."""
        return window.last is not None and (window.last - window.first) * self.microseconds > _WIDE

    def _ceil(self, microseconds: int) -> int:
        return -(-microseconds // self.microseconds)
