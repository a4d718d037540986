"""The conditions of each transition, each with its finding and how to satisfy it."""

from __future__ import annotations

from collections.abc import Mapping

from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import TelemetryStore

_SETTING = {StoreName.IOTDB: "IOTDB_HOST and IOTDB_PORT", StoreName.POSTGRES: "IOTFLOW_POSTGRES_DSN"}


async def reachable_error(store: TelemetryStore | None) -> str:
    """Why a store does not answer; empty where it does."""
    if store is None:
        return "not configured"
    try:
        await store.open()
        await store.ping()
    except StoreError as error:
        return error.message
    return ""


def guards_between(
    current: Phase, target: Phase, errors: Mapping[StoreName, str], journal: DirtyJournal
) -> tuple[Guard, ...]:
    """The guards of moving from one phase to a neighbour. ``errors`` are those of unreachable stores."""
    guards = [_reachable(store, errors[store]) for store in StoreName if _needs(store, current, target)]
    if target.primary is not current.primary:
        guards.append(_in_sync(target.primary, journal.count(target.primary)))
    return tuple(guards)


def _needs(store: StoreName, current: Phase, target: Phase) -> bool:
    # The phase itself is kept in PostgreSQL, so that every transition needs it.
    return store is StoreName.POSTGRES or (target.writes_to(store) and target is not current)


def _reachable(store: StoreName, error: str) -> Guard:
    return Guard(
        name=f"{store}_reachable",
        satisfied=not error,
        finding=error or "answers",
        remedy=f"start {store}, and check {_SETTING[store]}",
    )


def _in_sync(store: StoreName, dirty: int) -> Guard:
    return Guard(
        name="secondary_in_sync",
        satisfied=dirty == 0,
        finding=f"{dirty} ranges in which {store} may differ",
        remedy="wait for the repair in the background; GetMigration shows how many are left",
    )
