"""The figures of the whole fleet, as one instance knows them: its own as they are, the others' as last heard of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from iotflow_server.migration.dirt import Dirt, total
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.fleet import FleetState, Instance
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.migration.pulse import Pulse, StoreFigures, summed
from iotflow_server.observability.load import StoreLoad
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName

Loads = Callable[[], Mapping[StoreName, StoreLoad]]


class FleetFigures:
    """What is dirty, and how much the stores have to do, over all instances."""

    def __init__(
        self,
        instance_id: str,
        dirty: DirtyRanges,
        fleet: PostgresFleet,
        loads: Loads,
        *,
        silence_seconds: float,
    ) -> None:
        """``silence_seconds``: of an instance that is not heard of for so long only what is dirty counts."""
        self._instance_id = instance_id
        self._journal = dirty.local
        self._shared = dirty.shared
        self._fleet = fleet
        self._loads = loads
        self._silence = silence_seconds
        self._shared_dirt: Mapping[StoreName, Dirt] = dict.fromkeys(StoreName, Dirt())
        self._others: tuple[Instance, ...] = ()

    async def look(self) -> tuple[Instance, ...]:
        """Look anew; return the instances, none while PostgreSQL is away: then what was known last stays."""
        try:
            self._shared_dirt = await self._shared.dirt()
            instances = await self._fleet.instances()
        except StoreError:
            return ()
        self._others = tuple(each for each in instances if each.id != self._instance_id)
        return instances

    @property
    def are_known(self) -> bool:
        """Whether all others that were heard of lately know that they are not alone."""
        return not any(each.alone and not self._is_silent(each) for each in self._others)

    def pulse(self, state: FleetState, *, alone: bool) -> Pulse:
        """What this instance tells while it acts by a state. ``alone``: it may act as the only one."""
        moving = state.under_way
        stores = {store: self._own(store) for store in StoreName}
        return Pulse(state.epoch, "" if moving is None else moving.step.value, alone, stores)

    def of(self, store: StoreName) -> StoreFigures:
        """The figures of a store, over all instances and with what they share."""
        figures = summed([self._own(store), *(self._heard(other, store) for other in self._others)])
        return replace(figures, dirt=total([figures.dirt, self._shared_dirt[store]]))

    def dirt(self, store: StoreName) -> Dirt:
        """What is dirty of a store."""
        return self.of(store).dirt

    def write_p95(self, store: StoreName) -> float:
        """Seconds that 19 of 20 writes of a store did not exceed of late, at the instance where they took longest."""
        return self.of(store).load.write_p95_seconds

    def missed(self, store: StoreName) -> int:
        """Ranges of writes that a store has missed and instances have on their own disks: history is not among them."""
        own = self._journal.dirt()[store].ranges
        return own + sum(other.dirty[store].ranges for other in self._others)

    def _own(self, store: StoreName) -> StoreFigures:
        dirt = self._journal.dirt()[store]
        noted = replace(dirt, points=dirt.points + self._shared.noted_points(store))
        return StoreFigures(noted, self._loads()[store])

    def _heard(self, other: Instance, store: StoreName) -> StoreFigures:
        told = other.stores[store]
        if self._is_silent(other):
            return StoreFigures(told.dirt)
        return told

    def _is_silent(self, other: Instance) -> bool:
        return other.stopped or other.silent_seconds > self._silence
