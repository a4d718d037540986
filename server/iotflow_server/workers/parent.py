"""The parent of several workers: it holds what they share, and serves nothing but metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from typing import Final

import structlog
from pydantic import SecretStr

from iotflow_server.access.local_devices import LocalDevices
from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.composition.foundation import embedded_folder, explained, lock_folder, postgres_dsn
from iotflow_server.config import Settings
from iotflow_server.migration.first_state import first_state
from iotflow_server.migration.position import PositionFile
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.observability.exporter import exporter_on
from iotflow_server.observability.shared_metrics import SharedMetrics
from iotflow_server.shared_address import reserved
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.workers.folders import metrics_folder, worker_folder
from iotflow_server.workers.process import WorkerPlan
from iotflow_server.workers.supervisor import Supervisor

_log = structlog.get_logger(__name__)

#: What a worker may take beyond IOTFLOW_DRAIN_SECONDS to store what it has taken.
_FLUSH_SECONDS: Final = 30.0


@asynccontextmanager
async def supervised(settings: Settings) -> AsyncIterator[None]:
    """Run the service with ``settings.workers`` processes on one address; on leaving all are drained.

    :raises StartError: something that a worker cannot do without is missing.
    """
    async with AsyncExitStack() as stack:
        with explained():
            await _start(settings, stack)
        yield


async def _start(settings: Settings, stack: AsyncExitStack) -> None:
    lock = lock_folder(settings.data_dir, stack)
    address = stack.enter_context(reserved(settings.listen))
    dsn = await postgres_dsn(settings, stack)
    await _make_ready(settings, dsn)
    shared = settings.model_copy(
        update={"listen": address, "postgres_dsn": SecretStr(dsn), "metrics_listen": "", "workers": 1}
    )
    metrics = SharedMetrics(metrics_folder(settings.data_dir), lambda: supervisor.serving)
    plan = WorkerPlan(shared, lock, embedded_folder(settings))
    supervisor = Supervisor(settings.workers, plan.start, metrics.forget, settings.drain_seconds + _FLUSH_SECONDS)
    exporter = exporter_on(settings.metrics_listen, metrics.registry)
    if exporter is not None:
        stack.push_async_callback(asyncio.to_thread, exporter.close)
    stack.push_async_callback(supervisor.stop)
    await supervisor.start()
    _log.info("serving", action="serving", listen=address, workers=settings.workers)


async def _make_ready(settings: Settings, dsn: str) -> None:
    """Bring schema, phase and registry to where workers can take them from PostgreSQL.

    Where it is away, and the phase that the first worker knows can do without it, all that is left to the workers.
    """
    store = PostgresStore(dsn, settings.postgres_pool_size, settings.postgres_timeout_seconds, lambda _: 0)
    try:
        fleet, position = PostgresFleet(store.pool), PositionFile(worker_folder(settings.data_dir, 1)).read()
        with suppress(StoreUnavailableError):
            # Where that matters, the next step says so.
            await store.open()
        known, _ = await first_state(fleet, position, settings.first_phase)
        if not known.phase.keeps_iotdb:
            # Else a worker looks first whether it has what the phase needs.
            await fleet.first(known.phase)
        with suppress(StoreUnavailableError) if known.phase.reads_from(StoreName.IOTDB) else nullcontext():
            await _carry_over_devices(settings, store)
    finally:
        await store.close()


async def _carry_over_devices(settings: Settings, store: PostgresStore) -> None:
    """Tell PostgreSQL what a single server before could not yet tell it: its copy of the registry is no worker's."""
    local = LocalDevices(settings.data_dir / "devices.sqlite")
    try:
        await PostgresDevices(store.pool).insert(await local.fetch())
    finally:
        local.close()
