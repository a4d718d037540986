"""The conditions of each transition, each with its finding and how to satisfy it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iotflow_server.migration.dirt import Dirt
from iotflow_server.migration.fleet import Instance
from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import TelemetryStore

_SETTING = {StoreName.IOTDB: "IOTDB_HOST and IOTDB_PORT", StoreName.POSTGRES: "IOTFLOW_POSTGRES_DSN"}


@dataclass(frozen=True, slots=True)
class Findings:
    """What guards are made of. ``errors`` are those of unreachable stores, ``dirty`` is that of all instances."""

    errors: Mapping[StoreName, str]
    dirty: Mapping[StoreName, Dirt]
    instances: tuple[Instance, ...]
    silence_seconds: float


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


def guards_between(current: Phase, target: Phase, findings: Findings) -> tuple[Guard, ...]:
    """The guards of moving from one phase to a neighbour."""
    guards = [_reachable(store, findings.errors[store]) for store in StoreName if _needs(store, target)]
    guards.append(_all_heard(findings))
    if target.primary is not current.primary:
        guards.append(_in_sync(target.primary, findings.dirty[target.primary]))
        guards.append(_is_whole(current.primary, findings.dirty[current.primary], forcible=False))
    elif target.secondary is None:
        # Nothing is filled in from then on. PostgreSQL is there after PREPARATION as well; IoTDB may not be, and force
        # would gain nothing, for its trouble costs nobody anything in READ_POSTGRES.
        is_forcible = target.reads_from(StoreName.IOTDB)
        guards.append(_is_whole(current.primary, findings.dirty[current.primary], forcible=is_forcible))
    return tuple(guards)


def _needs(store: StoreName, target: Phase) -> bool:
    # The phase itself is kept in PostgreSQL, so that every transition needs it.
    return store is StoreName.POSTGRES or target.writes_to(store)


def _reachable(store: StoreName, error: str) -> Guard:
    return Guard(
        name=f"{store}_reachable",
        satisfied=not error,
        finding=error or "answers",
        remedy=f"start {store}, and check {_SETTING[store]}",
        forcible=store is not StoreName.POSTGRES,
    )


def _all_heard(findings: Findings) -> Guard:
    silent = [f"{each.name} ({_trouble(each)})" for each in findings.instances if _is_missing(each, findings)]
    return Guard(
        name="instances_confirmed",
        satisfied=not silent,
        finding=f"not heard of: {', '.join(silent)}" if silent else f"{len(findings.instances)} instances follow",
        remedy="start each of them where it reaches PostgreSQL, or remove those that are dead (RemoveInstance)",
        forcible=False,
    )


def _is_missing(instance: Instance, findings: Findings) -> bool:
    return instance.stopped or instance.silent_seconds > findings.silence_seconds


def _trouble(instance: Instance) -> str:
    return "stopped" if instance.stopped else f"{instance.silent_seconds:.0f} s"


def _in_sync(store: StoreName, dirt: Dirt) -> Guard:
    return Guard(
        name="secondary_in_sync",
        # What comes and goes while the fleet writes is drained by the transition.
        satisfied=dirt.is_fresh,
        finding=f"{dirt} in which {store} may differ",
        remedy="wait for the repair in the background, which compares each of them until both stores have the same; "
        "GetMigration shows how many are left",
    )


def _is_whole(store: StoreName, dirt: Dirt, *, forcible: bool) -> Guard:
    return Guard(
        name="primary_whole",
        satisfied=dirt.ranges == 0,
        finding=f"{dirt} of {store}, which is read, that are not yet filled after a forced transition",
        remedy="let the repair fill them in, which it does where both stores are written; GetMigration shows how many "
        "are left, and the log what is refused",
        forcible=forcible,
    )
