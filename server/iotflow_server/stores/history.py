"""What a store that is moved away from tells of all it holds, for whoever carries it elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import TimeRange


@dataclass(frozen=True, slots=True)
class HistoryFault:
    """Something of the store that cannot be carried as it is, or that somebody should know of.

    ``path`` is how the store names it, ``device_id`` None where it belongs to no device. One that ``is_harmless``
    loses no point.
    """

    code: str
    path: str
    detail: str
    device_id: int | None = None
    points: int = 0
    is_harmless: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """All devices with the names of their series, metadata included, and what is wrong with any of it."""

    devices: Mapping[int, frozenset[str]]
    faults: Sequence[HistoryFault]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a device has in a range of time: points, and the range in which they lie (None: no points)."""

    points: int
    span: TimeRange | None
    faults: Sequence[HistoryFault] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Series of a device in a range of time. ``measurements`` None: all; metadata is always within."""

    device_id: int
    time_range: TimeRange
    measurements: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HistoryPage:
    """Some of a part's points, all of each of its moments. ``faults`` are what came up among them."""

    batch: Batch
    faults: Sequence[HistoryFault] = ()


class History(Protocol):
    """Reads in bulk, and beside the store's live traffic: it has connections of its own, and changes nothing.

    Raises :class:`~.errors.StoreUnavailableError` as a store does.
    """

    async def inventory(self) -> Inventory:
        """Return what there is."""

    async def extent(self, part: Part) -> Extent:
        """Count the points of a part, where they lie."""

    async def counts(self, part: Part, step: int) -> list[tuple[int, int]]:
        """Return (start, points) of all steps of so many microseconds, from the part's start on, that hold points."""

    def pages(self, part: Part) -> AsyncIterator[HistoryPage]:
        """Yield a part's points in order of time, in pages of bounded size."""

    def close(self) -> None:
        """Let go of all connections."""
