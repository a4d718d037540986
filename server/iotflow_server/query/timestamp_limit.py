"""Limits an answer to so many distinct timestamps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.rows import keep_rows
from iotflow_server.stores.batch import Batch, Timestamps
from iotflow_server.stores.closing import closing


@dataclass(frozen=True, slots=True)
class TimestampLimit:
    """``left`` more timestamps may come, and more points of ``current``, which was counted already."""

    left: int
    current: int | None = None

    def fitting(self, timestamps: Timestamps) -> int:
        """How many of the first points of an answer may be in it, given their timestamps in order."""
        return int(np.searchsorted(self._numbers(timestamps), self.left, side="right"))

    def after(self, timestamps: Timestamps) -> TimestampLimit:
        """The limit of what follows points, which all fit in this one."""
        if not len(timestamps):
            return self
        return TimestampLimit(self.left - int(self._numbers(timestamps)[-1]), int(timestamps[-1]))

    def _numbers(self, timestamps: Timestamps) -> NDArray[np.intp]:
        """How many timestamps have come with each point."""
        is_new = np.ones(len(timestamps), dtype=np.bool_)
        is_new[1:] = timestamps[1:] != timestamps[:-1]
        is_new[:1] = timestamps[:1] != self.current if self.current is not None else True
        return np.cumsum(is_new)


async def first_rows(scans: Iterable[AsyncIterator[Batch]], count: int) -> AsyncIterator[Batch]:
    """The first rows of each of several scans, none of which is read on for longer than it must be."""
    for scan in scans:
        left = count
        async with closing(scan) as batches:
            async for batch in batches:
                size = len(batch.timestamps)
                if (rows := keep_rows(batch, np.arange(size) < left)) is not None:
                    yield rows
                left -= size
                if left <= 0:
                    break
