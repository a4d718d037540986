"""The open group: what was written and is not yet an entry of the backlog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Final

from iotflow.telemetry._backlog import Backlog
from iotflow.telemetry._batcher import Batcher
from iotflow.telemetry._rows import Row
from iotflow.telemetry._splitting import pieces, points_of
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import ColumnBatch

#: Payload of an entry, at most, but for a single point that is larger.
ENTRY_BYTES: Final = 256 << 10


class Intake:
    """Gathers what is written until it is sealed: by its size, by its age, or by whoever commits it."""

    def __init__(self, backlog: Backlog, *, linger: float, max_points: int, entry_bytes: int) -> None:
        self._backlog = backlog
        self._linger = linger
        self._max_points = max_points
        self._entry_bytes = min(entry_bytes, ENTRY_BYTES)
        self._batcher = Batcher()
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def points(self) -> int:
        """Points in it."""
        return self._batcher.points

    @property
    def nbytes(self) -> int:
        """Bytes in it, at most."""
        return self._batcher.nbytes

    @property
    def began(self) -> float | None:
        """When the first of it was written, in seconds since 1970."""
        return self._began if self._batcher.nbytes else None

    @property
    def has_waiting(self) -> bool:
        """Whether a write waits for it to be committed."""
        return bool(self._waiting)

    def add_row(self, row: Row) -> None:
        """Add a row."""
        self._begin()
        self._batcher.add_row(row)

    def add_batch(self, batch: ColumnBatch, nbytes: int) -> None:
        """Add a batch."""
        self._begin()
        self._batcher.add_batch(batch, nbytes)

    async def committed(self) -> None:
        """Wait until what is in it now is on disk.

        :raises SpoolError: it could not be put there.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if len(self._waiting) == 1:
            self._backlog.changed.beat()
        await future

    def take_waiting(self) -> list[asyncio.Future[None]]:
        """Those who wait for what is in it now."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def seal_when_due(self) -> bool:
        """Seal it if it has its size, else see to it that it is sealed at its age; return whether it was sealed."""
        if self._batcher.nbytes >= self._entry_bytes or self._batcher.points >= self._max_points:
            self.seal()
            return True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger, self.seal)
        return False

    def seal(self) -> None:
        """Make entries of what is in it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._batcher.nbytes:
            return
        is_small = self._batcher.nbytes <= self._entry_bytes
        batches = self._batcher.take()
        for group in [batches] if is_small else self._grouped(batches):
            payload = WriteTelemetryStreamRequest(batches=group).SerializeToString()
            self._backlog.append(sum(map(points_of, group)), self._began, payload)

    def _begin(self) -> None:
        if not self._batcher.nbytes:
            self._began = time.time()

    def _grouped(self, batches: Iterable[ColumnBatch]) -> Iterator[list[ColumnBatch]]:
        group: list[ColumnBatch] = []
        room = self._entry_bytes
        for piece in (piece for batch in batches for piece in pieces(batch, self._entry_bytes)):
            nbytes = piece.ByteSize()
            if group and nbytes > room:
                yield group
                group, room = [], self._entry_bytes
            group.append(piece)
            room -= nbytes
        yield group
