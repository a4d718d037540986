"""Builds the stores that a phase keeps, and opens them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from iotflow_server.composition.foundation import StartError, postgres_dsn
from iotflow_server.config import Settings
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.history import History
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.store import OwnerLookup, TelemetryStore

if TYPE_CHECKING:
    from iotflow_server.stores.iotdb.tsfiles.history import TsfileHistory

_log = structlog.get_logger(__name__)

Stores = Mapping[StoreName, TelemetryStore]


async def postgres_store(
    settings: Settings, pool_size: int, stack: AsyncExitStack, owner_of: OwnerLookup
) -> PostgresStore:
    """PostgreSQL, open if it answers; it is closed with the stack.

    :raises StartError: the embedded one does not start.
    """
    dsn = await postgres_dsn(settings, stack)
    timeout, readers = settings.postgres_timeout_seconds, settings.postgres_read_connections
    keeps_generations = settings.result_cache is not None
    postgres = PostgresStore(dsn, pool_size, timeout, owner_of, readers, keeps_generations=keeps_generations)
    stack.push_async_callback(postgres.close)
    with suppress(StoreUnavailableError):
        # Where the phase can do without it, it is tried again in the background; else the next step says so.
        await postgres.open()
    return postgres


def iotdb_store(settings: Settings, phase: Phase, owner_of: OwnerLookup) -> TelemetryStore | None:
    """IoTDB, not open yet; None where the phase does without it.

    :raises StartError: the phase and the settings do not agree on it, or its client is not installed.
    """
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


def iotdb_history(settings: Settings, sessions: int, stack: AsyncExitStack, owner_of: OwnerLookup) -> History:
    """What IoTDB keeps, read by as many at once; it is closed with the stack."""
    from iotflow_server.stores.iotdb.history import IotdbHistory

    history = IotdbHistory(settings.iotdb, owner_of, sessions)
    stack.callback(history.close)
    return history


def tsfile_history(folder: Path, database: str, owner_of: OwnerLookup) -> TsfileHistory:
    """What the files of a stopped IoTDB hold; all of them are looked into, which takes long.

    :raises StoreRefusedError: they cannot be read such that the result would be what IoTDB held.
    :raises ValueError: ``database`` is not a path under root.
    """
    from iotflow_server.stores.iotdb.tsfiles.history import TsfileHistory

    return TsfileHistory.open(folder, database, owner_of)


async def open_stores(stores: Stores, primary: Callable[[], TelemetryStore], stack: AsyncExitStack) -> None:
    """Open all stores; they are closed with the stack. A secondary that is away is opened later.

    :raises StoreUnavailableError: the primary is away.
    """
    for store in stores.values():
        stack.push_async_callback(store.close)
        try:
            await store.open()
        except StoreUnavailableError as error:
            if store is primary():
                raise
            _log.warning("store is away", action="store_away", store=str(store.name), error=error.message)
