"""The composition root: the only place that knows every concrete class."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import structlog

from iotflow_server.access.local_devices import LocalDevices
from iotflow_server.access.owner_changes import OwnerChanges
from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.registry import DeviceRegistry
from iotflow_server.access.shared_registry import SharedRegistry
from iotflow_server.comparisons import comparisons, offer_verification
from iotflow_server.config import Settings
from iotflow_server.foundation import StartError, explained, lock_folder, postgres_dsn
from iotflow_server.ingest.ingest import Ingest
from iotflow_server.kept_results import kept_results
from iotflow_server.migration.agent import FleetAgent
from iotflow_server.migration.archive.evidence import ArchiveEvidence
from iotflow_server.migration.archive.offering import offer_archives
from iotflow_server.migration.backfill.backfill import Backfills
from iotflow_server.migration.backfill.evidence import BackfillEvidence
from iotflow_server.migration.controller import MigrationController
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.first_state import first_state
from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.spec import JobKind
from iotflow_server.migration.jobs.strain import LiveStrain
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.position import PositionFile
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.migration.repairer import Repairer
from iotflow_server.migration.verification.correcting import LockingCorrector
from iotflow_server.migration.verification.evidence import ComparisonEvidence
from iotflow_server.observability.metrics import Metrics
from iotflow_server.query.engine import QueryEngine
from iotflow_server.rollups.background import refresh_rollups
from iotflow_server.routing.fence import Fence
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.server import TelemetryServer
from iotflow_server.shadow.queries import ShadowedQueries
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.history import History
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.postgres.stream_writers import StreamWriters
from iotflow_server.stores.store import OwnerLookup, TelemetryStore

_log = structlog.get_logger(__name__)

#: Between two looks whether what was away is back.
CATCH_UP_SECONDS = 2.0

#: As many as a job may ask for.
_MOST_JOB_WORKERS = 16

Stores = Mapping[StoreName, TelemetryStore]
#: Starts what was built; called once the stores are open.
Begin = Callable[[], Awaitable[None]]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[TelemetryServer]:
    """Run the service; on leaving it is drained: what was taken is stored and answered first.

    :raises StartError: a part that the phase cannot do without is missing.
    """
    async with prepared(settings, Metrics()) as server, serving(server):
        yield server


@asynccontextmanager
async def prepared(settings: Settings, metrics: Metrics, *, is_worker: bool = False) -> AsyncIterator[TelemetryServer]:
    """A server that does not listen yet, with all its parts at work.

    ``is_worker``: other processes share its address and the deployment.

    :raises StartError: a part that the phase cannot do without is missing.
    """
    async with AsyncExitStack() as stack:
        with explained():
            server = await _prepare(settings, metrics, stack, is_worker=is_worker)
        yield server


@asynccontextmanager
async def serving(server: TelemetryServer) -> AsyncIterator[None]:
    """Let a prepared server listen; on leaving it is drained.

    :raises StartError: its address cannot be listened on.
    """
    with explained():
        await server.start()
    try:
        yield
    finally:
        await server.stop()


async def _prepare(settings: Settings, metrics: Metrics, stack: AsyncExitStack, *, is_worker: bool) -> TelemetryServer:
    lock_folder(settings.data_dir, stack)

    def owner_of(device_id: int) -> int:
        return registry.owner(device_id)

    # One more: to hear of what others do.
    postgres = await _postgres(settings, settings.postgres_pool_size + 1, stack, owner_of)
    fleet, file = PostgresFleet(postgres.pool), PositionFile(settings.data_dir)
    known, stance = await first_state(fleet, file.read(), settings.first_phase)
    _log.info("phase known", action="phase_known", phase=str(known.phase), epoch=known.epoch)
    stores = {
        store.name: ObservedStore(store, metrics.time_store)
        for store in (postgres, _iotdb(settings, known.phase, owner_of))
        if store is not None
    }
    journal = DirtyJournal(settings.data_dir / "dirty.sqlite", settings.max_dirty_ranges)
    stack.callback(journal.close)
    dirty = DirtyRanges(journal, PostgresDirty(postgres.pool, file.instance_id(), settings.max_dirty_ranges))
    locks = DeviceLocks(postgres.pool)
    router = Router(stance, stores, dirty, locks, settings.secondary_patience_seconds)
    metrics.watch_phase(lambda: router.phase)
    for name in stores:
        metrics.watch_dirty_ranges(name, partial(_dirty_ranges, journal, name))
    build = _own_registry if known.phase.keeps_iotdb else _shared_registry
    registry, begin = build(settings, postgres, router, stack)
    await _open(stores, router, stack)
    if known.epoch == 0:
        known = await fleet.first(known.phase)
    await begin()

    fence = Fence(StreamWriters(postgres.pool), lambda: router.phase)
    ingest = Ingest(router, fence, settings.max_inflight_bytes)
    metrics.watch_inflight_bytes(lambda: ingest.budget.used)
    repairer = Repairer(router, journal, dirty.shared, locks)
    agent = FleetAgent(
        fleet,
        file,
        known,
        router,
        dirty,
        ingest.quiesced,
        repairer,
        name=settings.known_as,
        patience_seconds=settings.transition_patience_seconds,
    )
    await agent.start(postgres.pool)
    stack.push_async_callback(agent.stop)
    ingest.start()
    stack.push_async_callback(ingest.stop)
    repairer.start()
    stack.push_async_callback(repairer.stop)
    lag = partial(_lag, router, journal)
    jobs = _jobs(settings, postgres, agent, metrics, lag)
    if StoreName.IOTDB in stores:
        history = _history(settings, registry.owner, stack)
        _offer_backfill(settings, jobs, history, router, postgres, registry, stack)
        corrector = LockingCorrector(locks.deleting)
        offer_verification(settings, jobs, router, postgres, history, corrector, lag, registry.owner)
        jobs.runner.start()
        stack.push_async_callback(jobs.runner.stop)
    backfilled = BackfillEvidence(
        JobTable(postgres.pool), lambda: agent.state.epoch, is_required=settings.require_backfill
    )
    archived = ArchiveEvidence(JobTable(postgres.pool), lambda: agent.state.epoch)
    verified = ComparisonEvidence(postgres.pool, settings.guard_hours, is_required=settings.require_verification)
    evidence = (backfilled, verified, archived)
    controller = MigrationController(
        agent,
        fleet,
        router,
        journal,
        repairer,
        stores,
        evidence,
        silence_seconds=settings.instance_silence_seconds,
    )
    engines = {name: _engine(settings, partial(_self, store)) for name, store in stores.items()}
    compared, shadow = comparisons(settings, jobs, router, postgres, engines, lag, metrics, stack)
    refresh_rollups(settings, postgres, router, metrics, stack)
    return TelemetryServer(
        settings,
        ingest,
        ShadowedQueries(_engine(settings, router.primary), shadow),
        registry,
        controller,
        jobs.jobs,
        compared,
        metrics,
        ping_primary=lambda: router.primary().ping(),
        results=kept_results(settings, postgres.generations, router, metrics, stack),
        shares_port=is_worker,
    )


async def _postgres(settings: Settings, pool_size: int, stack: AsyncExitStack, owner_of: OwnerLookup) -> PostgresStore:
    dsn = await postgres_dsn(settings, stack)
    timeout, readers = settings.postgres_timeout_seconds, settings.postgres_read_connections
    keeps_generations = settings.result_cache is not None
    postgres = PostgresStore(dsn, pool_size, timeout, owner_of, readers, keeps_generations=keeps_generations)
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


def _jobs(
    settings: Settings, postgres: PostgresStore, agent: FleetAgent, metrics: Metrics, lag: Callable[[], int]
) -> JobParts:
    p95 = {store: lambda recent=recent: recent.p95 for store, recent in metrics.recent_writes.items()}

    def show(job: Job) -> None:
        done, total, rate = job.progress.points_done, job.progress.points_total, job.progress.points_per_second
        metrics.job_progress(job.id, job.kind, done=done, total=total, points_per_second=rate)

    return JobParts.of(
        postgres.pool,
        agent.instance_id,
        lambda: agent.state.epoch,
        LiveStrain(p95, lag, settings.job_max_write_seconds, settings.job_max_dirty_ranges),
        show,
        lease_seconds=settings.job_lease_seconds,
        settings=RunSettings(settings.job_workers, settings.job_tries),
    )


def _history(settings: Settings, owner_of: OwnerLookup, stack: AsyncExitStack) -> History:
    from iotflow_server.stores.iotdb.history import IotdbHistory

    history = IotdbHistory(settings.iotdb, owner_of, _MOST_JOB_WORKERS)
    stack.callback(history.close)
    return history


def _engine(settings: Settings, primary: Callable[[], TelemetryStore]) -> QueryEngine:
    return QueryEngine(
        primary,
        max_page_bytes=settings.max_page_bytes,
        max_aggregate_points=settings.max_aggregate_points,
        max_aggregate_rows=settings.max_aggregate_rows,
    )


def _self(store: TelemetryStore) -> TelemetryStore:
    return store


def _offer_backfill(
    settings: Settings,
    jobs: JobParts,
    history: History,
    router: Router,
    postgres: PostgresStore,
    registry: DeviceRegistry | SharedRegistry,
    stack: AsyncExitStack,
) -> None:
    async def adopt() -> None:
        if isinstance(registry, DeviceRegistry):
            await registry.adopt(await router.primary().list_devices())

    filler = postgres.filler(_MOST_JOB_WORKERS)
    stack.push_async_callback(filler.close)
    backfills = Backfills(history, filler, lambda: router.phase, registry.owner, adopt, settings.backfill_chunk_points)
    jobs.kinds.offer(JobKind.BACKFILL, backfills, backfills.objection)
    offer_archives(jobs.kinds, history, lambda: router.phase, registry.owner, settings.archive_file_points)


def _lag(router: Router, journal: DirtyJournal) -> int:
    secondary = router.phase.secondary
    return 0 if secondary is None else journal.dirt()[secondary].ranges


def _own_registry(
    settings: Settings, postgres: PostgresStore, router: Router, stack: AsyncExitStack
) -> tuple[DeviceRegistry, Begin]:
    local = LocalDevices(settings.data_dir / "devices.sqlite")
    stack.callback(local.close)
    registry = DeviceRegistry(
        PostgresDevices(postgres.pool),
        local,
        is_open=settings.registration_is_open,
        needs_table=lambda: router.phase.reads_from(StoreName.POSTGRES),
        fixes_owner=lambda: True,
    )

    async def begin() -> None:
        await registry.load()
        if router.phase.reads_from(StoreName.IOTDB):
            # Before the first write: a device's path in IoTDB follows from its owner.
            await registry.adopt(await router.primary().list_devices())
        keeper = asyncio.create_task(_keep_up(registry, postgres), name="catch-up")
        stack.push_async_callback(_cancel, keeper)

    return registry, begin


def _shared_registry(
    settings: Settings, postgres: PostgresStore, router: Router, stack: AsyncExitStack
) -> tuple[SharedRegistry, Begin]:
    table, changes = PostgresDevices(postgres.pool), OwnerChanges(postgres.pool)
    registry = SharedRegistry(table, changes, is_open=settings.registration_is_open)

    async def begin() -> None:
        stack.push_async_callback(registry.stop)
        await registry.start()

    return registry, begin


async def _open(stores: Stores, router: Router, stack: AsyncExitStack) -> None:
    for store in stores.values():
        stack.push_async_callback(store.close)
        try:
            await store.open()
        except StoreUnavailableError as error:
            if store is router.primary():
                raise
            _log.warning("store is away", action="store_away", store=str(store.name), error=error.message)


def _dirty_ranges(journal: DirtyJournal, store: StoreName) -> int:
    return journal.dirt()[store].ranges


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
