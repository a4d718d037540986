"""Builds the registry of devices: with a copy of its own while IoTDB is kept, else by the shared table alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import structlog

from iotflow_server.access.local_devices import LocalDevices
from iotflow_server.access.owner_changes import OwnerChanges
from iotflow_server.access.postgres_devices import PostgresDevices
from iotflow_server.access.registry import DeviceRegistry
from iotflow_server.access.shared_registry import SharedRegistry
from iotflow_server.config import Settings
from iotflow_server.routing.router import Router
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.store import TelemetryStore

_log = structlog.get_logger(__name__)

#: Between two looks whether what was away is back.
CATCH_UP_SECONDS: Final = 2.0

Registry = DeviceRegistry | SharedRegistry
#: Starts what was built; called once the stores are open.
Begin = Callable[[], Awaitable[None]]


def registry_of(
    settings: Settings, postgres: PostgresStore, router: Router, stack: AsyncExitStack
) -> tuple[Registry, Begin]:
    """The registry that the phase needs, and what makes it ready. It ends with the stack."""
    build = _with_a_copy if router.phase.keeps_iotdb else _shared
    return build(settings, postgres, router, stack)


def _with_a_copy(
    settings: Settings, postgres: PostgresStore, router: Router, stack: AsyncExitStack
) -> tuple[DeviceRegistry, Begin]:
    local = LocalDevices(settings.data_dir / "devices.sqlite")
    stack.callback(local.close)
    registry = DeviceRegistry(
        PostgresDevices(postgres.pool),
        local,
        is_open=settings.registration_is_open,
        needs_table=lambda: router.phase.reads_from(StoreName.POSTGRES),
    )

    async def begin() -> None:
        await registry.load()
        if router.phase.reads_from(StoreName.IOTDB):
            # Before the first write: a device's path in IoTDB follows from its owner.
            await registry.adopt(await router.primary().list_devices())
        keeper = asyncio.create_task(_keep_up(registry, postgres), name="catch-up")
        stack.push_async_callback(_cancel, keeper)

    return registry, begin


def _shared(
    settings: Settings, postgres: PostgresStore, router: Router, stack: AsyncExitStack
) -> tuple[SharedRegistry, Begin]:
    table, changes = PostgresDevices(postgres.pool), OwnerChanges(postgres.pool)
    registry = SharedRegistry(table, changes, is_open=settings.registration_is_open)

    async def begin() -> None:
        stack.push_async_callback(registry.stop)
        await registry.start()

    return registry, begin


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
