"""What all other parts are built on: the stores, the phase that picks among them, and what keeps them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import structlog

from iotflow_server.composition.foundation import lock_folder
from iotflow_server.composition.registries import Registry, registry_of
from iotflow_server.composition.stores import Stores, iotdb_store, open_stores, postgres_store
from iotflow_server.config import Settings
from iotflow_server.migration.catch_up import CatchUp
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.first_state import first_state
from iotflow_server.migration.fleet import FleetState
from iotflow_server.migration.fleet_figures import FleetFigures
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.position import PositionFile
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.router import Router
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Core:
    """The stores are open as far as they answer, and the phase is durable. All ends with ``stack``.

    ``known`` is where the fleet stood when this instance started.
    """

    settings: Settings
    metrics: Metrics
    stack: AsyncExitStack
    postgres: PostgresStore
    stores: Stores
    router: Router
    registry: Registry
    fleet: PostgresFleet
    file: PositionFile
    known: FleetState
    dirty: DirtyRanges
    figures: FleetFigures
    in_flight: WritesInFlight
    locks: DeviceLocks

    @property
    def catch_up(self) -> CatchUp:
        """Waits for the repair of the secondary."""
        return CatchUp(self._lag_seconds, self.settings.verification_patience_seconds)

    def missed(self) -> int:
        """In how many ranges the secondary has missed writes that instances have on their own disks."""
        secondary = self.router.phase.secondary
        return 0 if secondary is None else self.figures.missed(secondary)

    def _lag_seconds(self) -> float:
        secondary = self.router.phase.secondary
        return 0.0 if secondary is None else self.figures.dirt(secondary).lag_seconds

    def live_writes(self) -> Mapping[StoreName, Callable[[], float]]:
        """By store, the seconds that 19 of 20 live writes did not exceed of late, where they took longest."""
        return {store: partial(self.figures.write_p95, store) for store in self.stores}


async def core_of(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Core:
    """Build the core.

    :raises StartError: the folder is in use, or the settings do not fit the phase.
    :raises StoreError: a store that the phase cannot do without is away.
    """
    lock_folder(settings.data_dir, stack)

    def owner_of(device_id: int) -> int:
        return registry.owner(device_id)

    # Two more: to hear of what others do.
    postgres = await postgres_store(settings, settings.postgres_pool_size + 2, stack, owner_of)
    fleet, file = PostgresFleet(postgres.pool), PositionFile(settings.data_dir)
    known, stance = await first_state(fleet, file.read(), settings.first_phase)
    _log.info("phase known", action="phase_known", phase=str(known.phase), epoch=known.epoch)
    kept = (postgres, iotdb_store(settings, known.phase, owner_of))
    stores = {
        store.name: ObservedStore(store, metrics.time_store, metrics.points_stored)
        for store in kept
        if store is not None
    }
    journal = DirtyJournal(settings.data_dir / "dirty.sqlite", settings.max_dirty_ranges)
    stack.callback(journal.close)
    dirty = DirtyRanges(journal, PostgresDirty(postgres.pool, file.instance_id(), settings.max_dirty_ranges))
    figures = FleetFigures(
        file.instance_id(), dirty, fleet, metrics.loads, silence_seconds=settings.instance_silence_seconds
    )
    in_flight = WritesInFlight(settings.data_dir / "in_flight.sqlite")
    stack.callback(in_flight.close)
    locks = DeviceLocks(postgres.pool)
    router = Router(stance, stores, dirty, locks, in_flight, settings.secondary_patience_seconds)
    _watch(metrics, router, figures, stores)
    registry, begin = registry_of(settings, postgres, router, stack)
    await open_stores(stores, router.primary, stack)
    if known.epoch == 0:
        known = await fleet.first(known.phase)
    await begin()
    return Core(
        settings=settings,
        metrics=metrics,
        stack=stack,
        postgres=postgres,
        stores=stores,
        router=router,
        registry=registry,
        fleet=fleet,
        file=file,
        known=known,
        dirty=dirty,
        figures=figures,
        in_flight=in_flight,
        locks=locks,
    )


def _watch(metrics: Metrics, router: Router, figures: FleetFigures, stores: Stores) -> None:
    metrics.watch_phase(lambda: router.phase)
    for name in stores:
        metrics.watch_dirt(name, partial(figures.dirt, name))
