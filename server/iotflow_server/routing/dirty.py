"""Ranges in which the secondary may differ from the primary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection, TimeRange


@dataclass(frozen=True, slots=True)
class DirtyRange:
    """One device in a range of time; ``device_id`` None means every device."""

    device_id: int | None
    time_range: TimeRange


class DirtyLog(Protocol):
    """Remembers dirty ranges; what was added survives the process."""

    async def add(self, store: StoreName, ranges: Sequence[DirtyRange]) -> None:
        """Return once the ranges are durable. ``store`` is the one that may lack or differ."""


def ranges_of(batches: Iterable[Batch]) -> list[DirtyRange]:
    """The ranges that cover batches."""
    return [
        DirtyRange(batch.device_id, TimeRange(int(batch.timestamps.min()), int(batch.timestamps.max()) + 1))
        for batch in batches
        if len(batch.timestamps)
    ]


def ranges_selected(selection: Selection) -> list[DirtyRange]:
    """The ranges that cover a selection."""
    return [DirtyRange(device_id, selection.time_range) for device_id in selection.device_ids]
