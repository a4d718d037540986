"""Entries of a spool as messages of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from iotflow.telemetry._entries import Entry
from iotflow.telemetry._splitting import VALUE_FIELDS, pieces, points_of
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch

#: A message has at most so many bytes; the server takes 16 MiB by default.
MAX_REQUEST_BYTES: Final = 1 << 20
_BATCH_BYTES: Final = 8


class Request:
    """A message that is being made, and what is settled once it is acknowledged: every entry up to ``completes``."""

    def __init__(self) -> None:
        self.message = WriteTelemetryStreamRequest()
        #: Single points that are left out, since one no larger was too large for the server.
        self.hopeless: list[ColumnBatch] = []
        self.completes = 0
        self.points = 0
        self.nbytes = 0
        self._last: dict[int, tuple[Any, ColumnBatch]] = {}

    def add(self, batch: ColumnBatch, nbytes: int, points: int) -> None:
        """Add a batch; it is joined to the one of its device before it, where they have the same shape."""
        shape = _shape(batch)
        last = self._last.get(batch.device_id)
        if last is not None and last[0] == shape:
            _join(last[1], batch)
        else:
            self.message.batches.append(batch)
            self._last[batch.device_id] = (shape, self.message.batches[-1])
        self.nbytes += nbytes
        self.points += points


class Packer:
    """Makes messages of entries: small batches of a device are joined, large ones are split."""

    def __init__(self, max_points: int) -> None:
        self._max_points = max_points
        self._max_bytes = MAX_REQUEST_BYTES
        self._too_large_point: int | None = None

    def requests(self, entries: Iterable[Entry]) -> Iterator[Request]:
        """Messages of entries, in order; each has whole entries, or a part of a single one."""
        request = Request()
        for entry in entries:
            sized = [_Sized(piece) for piece in self._pieces(entry)]
            if not self._has_room(request, sized):
                yield request
                request = Request()
            for each in sized:
                if self._is_hopeless(each):
                    request.hopeless.append(each.batch)
                    continue
                if not self._has_room(request, [each]):
                    yield request
                    request = Request()
                request.add(each.batch, each.nbytes, each.points)
            request.completes = entry.id
        yield request

    def shrink(self, sent: Iterable[Request]) -> None:
        """One of these was too large: the largest of them for certain. Later ones are smaller."""
        largest = max(sent, key=lambda request: request.nbytes, default=None)
        if largest is None:
            return
        if largest.points <= 1:
            self._too_large_point = largest.nbytes
        else:
            self._max_bytes = max(1, min(self._max_bytes, largest.nbytes) // 2)

    def _pieces(self, entry: Entry) -> Iterator[ColumnBatch]:
        for batch in WriteTelemetryStreamRequest.FromString(entry.payload).batches:
            yield from pieces(batch, self._max_bytes)

    def _is_hopeless(self, each: _Sized) -> bool:
        return each.points <= 1 and self._too_large_point is not None and each.nbytes >= self._too_large_point

    def _has_room(self, request: Request, added: list[_Sized]) -> bool:
        nbytes = request.nbytes + sum(each.nbytes for each in added)
        points = request.points + sum(each.points for each in added)
        return not request.nbytes or (nbytes <= self._max_bytes and points <= self._max_points)


class _Sized:
    """A batch, and what it takes of a message."""

    __slots__ = ("batch", "nbytes", "points")

    def __init__(self, batch: ColumnBatch) -> None:
        self.batch = batch
        self.nbytes = batch.ByteSize() + _BATCH_BYTES
        self.points = points_of(batch)


def _shape(batch: ColumnBatch) -> Any:
    """What two batches of a device have to have in common to be joined."""
    columns = tuple((column.name, _kind(column)) for column in batch.columns)
    metadata = tuple((column.name, _kind(column)) for column in batch.metadata)
    return batch.user_id, columns, metadata, bool(batch.quality_flags)


def _kind(column: Column) -> str:
    return next((field for field in VALUE_FIELDS if getattr(column, field)), "")


def _join(target: ColumnBatch, batch: ColumnBatch) -> None:
    offset = len(target.timestamps)
    target.timestamps.extend(batch.timestamps)
    target.quality_flags.extend(batch.quality_flags)
    for mine, other in zip((*target.columns, *target.metadata), (*batch.columns, *batch.metadata), strict=True):
        field = _kind(other)
        if field:
            getattr(mine, field).extend(getattr(other, field))
        mine.missing_rows.extend(row + offset for row in other.missing_rows)
