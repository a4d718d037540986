"""What an instance tells the fleet with each heartbeat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from iotflow_server.migration.dirt import Dirt, total
from iotflow_server.observability.load import StoreLoad, combined
from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What is dirty of a store, and how much it has to do."""

    dirt: Dirt = field(default_factory=Dirt)
    load: StoreLoad = field(default_factory=StoreLoad)


def summed(parts: Iterable[StoreFigures]) -> StoreFigures:
    """The figures of several instances."""
    found = list(parts)
    return StoreFigures(total(part.dirt for part in found), combined(part.load for part in found))


@dataclass(frozen=True, slots=True)
class Pulse:
    """``epoch`` and ``step`` are those that the instance acts by; the step is empty where no transition is under way.

    ``alone``: it may act as the only one. ``stores``: what is dirty is what it has on its own disk, and points that it
    noted beyond.
    """

    epoch: int
    step: str
    alone: bool
    stores: Mapping[StoreName, StoreFigures]
