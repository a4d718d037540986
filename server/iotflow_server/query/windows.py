"""Windows of time, aligned to 1970-01-01T00:00:00Z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

Bounds = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The windows of one series that hold points: where each begins among them, and its bounds in time."""

    starts: NDArray[np.intp]
    bounds: list[Bounds]

    def __len__(self) -> int:
        return len(self.starts)


def split(timestamps: Timestamps, time_range: TimeRange, window_us: int | None) -> Windows:
    """Split ascending timestamps (at least one) by windows; without a window, the range is the only one."""
    if window_us is None:
        return Windows(np.zeros(1, dtype=np.intp), [_told(time_range.start, time_range.end)])
    # Floor division, so windows before 1970 begin at a multiple of their length too.
    numbers = timestamps // window_us
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    firsts = numbers[starts].tolist()
    return Windows(starts, [_told(first * window_us, (first + 1) * window_us) for first in firsts])


def _told(start: int, end: int) -> Bounds:
    """Bounds as answers tell them: None beyond what every timestamp type can hold."""
    return start if start > MIN_TIMESTAMP else None, end if end < MAX_TIMESTAMP else None
