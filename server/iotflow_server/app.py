"""The composition root: the only place that knows every concrete class."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from iotflow_server.access.local_devices import LocalDevices
from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.registry import DeviceRegistry
from iotflow_server.config import Settings
from iotflow_server.ingest.ingest import Ingest
from iotflow_server.local.postgres import LocalPostgres, LocalPostgresError
from iotflow_server.migration.controller import MigrationController
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.phase_state import PhaseState
from iotflow_server.migration.postgres_phases import PostgresPhases
from iotflow_server.migration.repairer import Repairer
from iotflow_server.observability.metrics import Metrics
from iotflow_server.query.engine import QueryEngine
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.server import AddressError, TelemetryServer
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.store import OwnerLookup, TelemetryStore

_log = structlog.get_logger(__name__)

#: Between two looks whether what was away is back.
CATCH_UP_SECONDS = 2.0

Stores = Mapping[StoreName, TelemetryStore]
_ADDRESS_SETTINGS = {
    StoreName.POSTGRES: "IOTFLOW_POSTGRES_DSN",
    StoreName.IOTDB: "IOTDB_HOST, IOTDB_PORT, IOTDB_USERNAME and IOTDB_PASSWORD",
}


class StartError(Exception):
    """The server cannot start; the message is one line: what, where, and what to set."""


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[TelemetryServer]:
    """Run the service; on leaving it is drained: what was taken is stored and answered first.

    :raises StartError: a part that the phase cannot do without is missing.
    """
    async with AsyncExitStack() as stack:
        try:
            server = await _start(settings, stack)
        except StoreError as error:
            raise StartError(f"{error}; check {_ADDRESS_SETTINGS[error.store]}") from error
        yield server


async def _start(settings: Settings, stack: AsyncExitStack) -> TelemetryServer:
    _lock_folder(settings.data_dir, stack)
    metrics = Metrics()

    def owner_of(device_id: int) -> int:
        return registry.owner(device_id)

    postgres = await _postgres(settings, stack, owner_of)
    state = PhaseState(PostgresPhases(postgres.pool), settings.data_dir / "phase.json")
    known = await state.load(settings.first_phase)
    _log.info("phase known", action="phase_known", phase=str(known.phase), epoch=known.epoch)
    stores = {
        store.name: ObservedStore(store, metrics.time_store)
        for store in (postgres, _iotdb(settings, known.phase, owner_of))
        if store is not None
    }
    journal = DirtyJournal(settings.data_dir / "dirty.sqlite")
    stack.callback(journal.close)
    router = Router(known.phase, stores, journal, settings.secondary_patience_seconds)
    local_devices = LocalDevices(settings.data_dir / "devices.sqlite")
    stack.callback(local_devices.close)
    metrics.watch_phase(lambda: router.phase)
    for name in stores:
        metrics.watch_dirty_ranges(name, partial(journal.count, name))
    registry = DeviceRegistry(
        PostgresDevices(postgres.pool),
        local_devices,
        is_open=settings.registration_is_open,
        needs_table=lambda: router.phase.reads_from(StoreName.POSTGRES),
        fixes_owner=lambda: router.phase.writes_to(StoreName.IOTDB),
    )
    await registry.load()
    await _open(stores, router, stack)
    await state.enter()
    if router.phase.reads_from(StoreName.IOTDB):
        # Before the first write: a device's path in IoTDB follows from its owner.
        await registry.adopt(await stores[StoreName.IOTDB].list_devices())
    keeper = asyncio.create_task(_keep_up(registry, postgres), name="catch-up")
    stack.push_async_callback(_cancel, keeper)

    ingest = Ingest(router, settings.max_inflight_bytes)
    metrics.watch_inflight_bytes(lambda: ingest.budget.used)
    ingest.start()
    stack.push_async_callback(ingest.stop)
    repairer = Repairer(router, journal, ingest.holding)
    repairer.start()
    stack.push_async_callback(repairer.stop)
    controller = MigrationController(state, router, ingest.quiesced, journal, repairer, stores)
    queries = QueryEngine(
        router.primary,
        max_page_bytes=settings.max_page_bytes,
        max_aggregate_points=settings.max_aggregate_points,
        max_aggregate_rows=settings.max_aggregate_rows,
    )
    server = TelemetryServer(
        settings, ingest, queries, registry, controller, metrics, ping_primary=lambda: router.primary().ping()
    )
    try:
        await server.start()
    except AddressError as error:
        raise StartError(str(error)) from error
    stack.push_async_callback(server.stop)
    return server


async def _postgres(settings: Settings, stack: AsyncExitStack, owner_of: OwnerLookup) -> PostgresStore:
    if settings.postgres_dsn is None:
        try:
            embedded = LocalPostgres(settings.data_dir / "postgres")
            await asyncio.to_thread(embedded.start)
        except LocalPostgresError as error:
            raise StartError(str(error)) from error
        stack.callback(embedded.stop)
        dsn = embedded.dsn
    else:
        dsn = settings.postgres_dsn.get_secret_value()
    postgres = PostgresStore(
        dsn,
        settings.postgres_pool_size,
        settings.postgres_timeout_seconds,
        owner_of,
        settings.postgres_read_connections,
    )
    stack.push_async_callback(postgres.close)
    with suppress(StoreUnavailableError):
        # Where the phase can do without it, it is tried again in the background; else the next step says so.
        await postgres.open()
    return postgres


def _iotdb(settings: Settings, phase: Phase, owner_of: OwnerLookup) -> TelemetryStore | None:
    if not phase.keeps_iotdb:
        if settings.has_iotdb:
            raise StartError(f"the phase is {phase}, where IoTDB is gone: unset IOTDB_HOST")
        return None
    if not settings.has_iotdb:
        raise StartError(f"the phase is {phase}, which keeps IoTDB: set IOTDB_HOST (and IOTDB_PORT)")
    try:
        from iotflow_server.stores.iotdb.store import IotdbStore
    except ImportError as error:
        raise StartError(f"the phase is {phase}, which keeps IoTDB: install the extra 'iotdb' ({error})") from error
    try:
        return IotdbStore(settings.iotdb, owner_of)
    except ValueError as error:
        raise StartError(f"IOTDB_DATABASE: {error}") from error


def _lock_folder(folder: Path, stack: AsyncExitStack) -> None:
    """Keep other servers away from what one keeps on disk; the lock goes with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("w"))
    except OSError as error:
        raise StartError(
            f"cannot write to {folder}: {error.strerror}; set IOTFLOW_DATA_DIR to another folder"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StartError(f"another server uses {folder}; end it, or set IOTFLOW_DATA_DIR") from error


async def _open(stores: Stores, router: Router, stack: AsyncExitStack) -> None:
    for store in stores.values():
        stack.push_async_callback(store.close)
        try:
            await store.open()
        except StoreUnavailableError as error:
            if store is router.primary():
                raise
            _log.warning("store is away", action="store_away", store=str(store.name), error=error.message)


async def _keep_up(registry: DeviceRegistry, postgres: TelemetryStore) -> None:
    """Carry to PostgreSQL, once it is there, what was registered without it."""
    while True:
        await asyncio.sleep(CATCH_UP_SECONDS)
        try:
            await postgres.open()
            await registry.catch_up()
        except StoreError as error:
            _log.info("catch-up waits", action="catch_up_waits", error=str(error))
        except Exception:
            _log.exception("catch-up failed", action="catch_up_failed")


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
