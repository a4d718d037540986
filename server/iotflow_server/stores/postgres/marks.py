"""Marks what is written or deleted where figures of hours may exist already (docs/adr/0011).

Before ``rollup_state.marked_before`` a writer marks by itself. It knows that moment from its last look, and tells it to
the server for each connection; where that is too old, a trigger marks in its place, for all devices.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres.pool import Connection, PostgresPool

#: A writer looks again after so long; the refresher waits for longer before it relies on that.
LOOK_SECONDS: Final = 5.0
_LOOK: Final = """
SELECT marked_before, set_config('iotflow.marked_before', marked_before::text, false) FROM rollup_state
"""
_MARK: Final = """
INSERT INTO rollup_marks (device_id, start, stop)
SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[])
"""


@dataclass(frozen=True, slots=True)
class LateRanges:
    """Ranges of devices, in parallel lists: first moments and ends."""

    device_ids: list[int]
    starts: list[int]
    stops: list[int]

    @classmethod
    def of(cls, frame: Frame, before: int) -> LateRanges | None:
        """Where a resolved frame has rows before a moment; None where it has none."""
        timestamps = frame.timestamps
        if not len(timestamps) or timestamps.min() >= before:
            return None
        is_late = timestamps < before
        devices, late = frame.device_ids[is_late], timestamps[is_late]
        begins = np.flatnonzero(np.append(True, devices[1:] != devices[:-1]))
        stops = np.maximum.reduceat(late, begins) + 1
        return cls(devices[begins].tolist(), np.minimum.reduceat(late, begins).tolist(), stops.tolist())


class Marks:
    """What a process knows of ``marked_before``, and the marks that it makes."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        self._before: int | None = None
        self._looked_at = -LOOK_SECONDS

    async def look(self, connection: Connection) -> None:
        """See to it that what is known is not old. To be called before a transaction begins that changes points."""
        now = time.monotonic()
        if self._before is not None and now - self._looked_at < LOOK_SECONDS:
            return
        row = await connection.fetchrow(_LOOK)
        assert row is not None
        # Never back: other connections have told the server of what was known before.
        known = row["marked_before"] if self._before is None else max(self._before, row["marked_before"])
        if known != self._before:
            self._before = known
            await self._pool.tell_marked_before(row["marked_before"])
        self._looked_at = now

    def late(self, frame: Frame) -> LateRanges | None:
        """What is to be marked of a resolved frame; None where that is nothing."""
        assert self._before is not None
        return LateRanges.of(frame, self._before)

    async def mark(self, connection: Connection, late: LateRanges) -> None:
        """Mark ranges, in the transaction that changes their points."""
        await connection.execute(_MARK, late.device_ids, late.starts, late.stops)

    async def mark_range(self, connection: Connection, device_ids: list[int], start: int, end: int) -> None:
        """Mark one range of devices as far as it is late."""
        assert self._before is not None
        if start < (stop := min(end, self._before)):
            await self.mark(connection, LateRanges(device_ids, [start] * len(device_ids), [stop] * len(device_ids)))
