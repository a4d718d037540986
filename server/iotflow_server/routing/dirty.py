"""Ranges in which the secondary may differ from the primary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.device_ranges import DeviceRanges, span_of
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection, TimeRange


@dataclass(frozen=True, slots=True)
class DirtyRange:
    """One device in a range of time; ``device_id`` None means every device."""

    device_id: int | None
    time_range: TimeRange
    #: Points that writes have noted there, as far as known.
    points: int = field(default=0, compare=False)

    def beyond(self, start: int) -> DirtyRange:
        """What remains of it from a moment on; of its points as great a share as of its time."""
        rest = TimeRange(start, self.time_range.end)
        share = (rest.end - rest.start) / max(self.time_range.end - self.time_range.start, 1)
        return DirtyRange(self.device_id, rest, round(self.points * share))


class DirtyLog(Protocol):
    """Remembers dirty ranges; what was added survives the process.

    ``is_own``: only this instance may repair them, since others may not know yet what it knows of the fleet.
    """

    async def add(self, store: StoreName, ranges: Sequence[DirtyRange], *, is_own: bool = False) -> None:
        """Return once the ranges are durable, or others that cover them. ``store`` is the one that may lack or differ.

        For trouble that lasts: what is written next is likely to be covered already.
        """

    async def add_exactly(self, store: StoreName, ranges: Sequence[DirtyRange], *, is_own: bool = False) -> None:
        """The same, for what happens now and then: nothing else is compared for it."""


def ranges_of(batches: Iterable[Batch]) -> list[DirtyRange]:
    """The ranges that cover batches."""
    return [
        DirtyRange(batch.device_id, span_of(batch), batch.point_count) for batch in batches if len(batch.timestamps)
    ]


def ranges_within(batches: Iterable[Batch], spans: DeviceRanges) -> list[DirtyRange]:
    """The ranges that some points of batches lie in."""
    found = [(spans[batch.device_id], batch) for batch in batches if batch.device_id in spans]
    return [DirtyRange(batch.device_id, span, _count_within(batch, span)) for span, batch in found]


def ranges_selected(selection: Selection) -> list[DirtyRange]:
    """The ranges that cover a selection."""
    return [DirtyRange(device_id, selection.time_range) for device_id in selection.device_ids]


def _count_within(batch: Batch, span: TimeRange) -> int:
    is_within = (batch.timestamps >= span.start) & (batch.timestamps < span.end)
    return batch.point_count * int(is_within.sum()) // len(is_within)
