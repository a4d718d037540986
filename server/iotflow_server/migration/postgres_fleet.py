"""The fleet's state in PostgreSQL: one row for each instance, one for each transition.

Whoever registers, is removed, or moves a transition on holds one lock, so that "every instance has confirmed" is true
of all that are there when the next step begins.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any, Final

from iotflow_server.migration import fleet_sql as sql
from iotflow_server.migration.dirt import Dirt
from iotflow_server.migration.fleet import FleetState, Instance, Step, Transition, Wish
from iotflow_server.migration.fleet_marks import marks_of_flip, marks_of_removal
from iotflow_server.migration.postgres_dirty import mark_everything
from iotflow_server.migration.pulse import Pulse, StoreFigures
from iotflow_server.migration.status import InstanceHeardError, PhaseChange, UnknownInstanceError
from iotflow_server.observability.load import StoreLoad
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.clock import datetime_of
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction

_LOCK: Final = 0x696F_7466_6C6F_7704


class PostgresFleet:
    """Every method may raise StoreUnavailableError."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def state(self) -> FleetState | None:
        """Where the fleet stands; None where it has never begun."""
        async with self._pool.connection() as connection:
            return await _state(connection)

    async def first(self, phase: Phase) -> FleetState:
        """Begin in a phase, unless somebody else has begun."""
        async with self._locked() as connection:
            await connection.execute(sql.FIRST_PHASE, phase.value)
            return await _known(connection)

    async def join(self, instance_id: str, name: str) -> tuple[FleetState, bool]:
        """Take part from now on; nothing goes on until this instance confirms it. Also whether it took part before."""
        async with self._locked() as connection:
            was_known = bool(await connection.fetchval(sql.JOIN, instance_id, name))
            return await _known(connection), was_known

    async def beat(self, instance_id: str, pulse: Pulse) -> FleetState | None:
        """Say that an instance lives; return where the fleet stands, None where the instance was removed."""
        async with self._pool.connection() as connection:
            if not await connection.fetchval(sql.BEAT, instance_id, *_told(pulse)):
                return None
            return await _known(connection)

    async def confirm(self, instance_id: str, revision: int) -> None:
        """Say that an instance acts by a revision."""
        async with self._pool.connection() as connection:
            await connection.execute(sql.CONFIRM, instance_id, revision)

    async def stop(self, instance_id: str, pulse: Pulse) -> None:
        """Say that an instance has ended in good order. It still takes part."""
        async with self._locked() as connection:
            await connection.execute(sql.BEAT, instance_id, *_told(pulse))
            await connection.execute(sql.STOP, instance_id)

    async def leave(self, instance_id: str) -> None:
        """Let an instance take part no more that has ended in good order, and left nothing behind."""
        async with self._locked() as connection:
            await connection.execute(sql.LEAVE, instance_id)

    async def instances(self) -> tuple[Instance, ...]:
        """Return all instances, by name."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql.INSTANCES)
        return tuple(_instance(row) for row in rows)

    async def remove(self, instance_id: str, silence_seconds: float) -> None:
        """Let an instance take part no more. What it may have left behind becomes dirty.

        :raises UnknownInstanceError: there is none of that id.
        :raises InstanceHeardError: it was heard of within so many seconds, and has not stopped.
        """
        async with self._locked() as connection:
            row = await connection.fetchrow(sql.INSTANCE, instance_id)
            if row is None:
                raise UnknownInstanceError(instance_id)
            instance = _instance(row)
            if instance.silent_seconds < silence_seconds and not instance.stopped:
                raise InstanceHeardError(instance.name, instance.silent_seconds)
            await connection.execute(sql.LEAVE, instance_id)
            await _mark_removed(connection, instance)

    async def begin(self, known: FleetState, wish: Wish) -> bool:
        """Announce a transition; False where the fleet no longer stands where the caller believes."""
        async with self._locked() as connection:
            state = await _known(connection)
            if state.under_way is not None or state.epoch != known.epoch:
                return False
            values = (state.phase.value, wish.target.value, wish.changed_by, wish.reason, wish.forced)
            await connection.execute(sql.BEGIN, *values)
        return True

    async def proceed(self, moving: Transition) -> bool:
        """Begin the next step if every instance has confirmed the present one; whether this call did so."""
        async with self._locked() as connection:
            if await connection.fetchval(sql.UNCONFIRMED, moving.revision):
                return False
            known = await _known(connection)
            if known.under_way is None or known.revision != moving.revision:
                return False
            await connection.execute(sql.STEP, moving.id, moving.next_step.value, "")
            if moving.next_step is Step.FLIPPED:
                await _flip(connection, known, moving)
        return True

    async def undo(self, moving: Transition, finding: str) -> None:
        """Give a transition up, unless another step has begun."""
        async with self._locked() as connection:
            known = await _known(connection)
            if known.under_way is None or known.revision != moving.revision or not moving.step.may_be_undone:
                return
            await connection.execute(sql.STEP, moving.id, Step.UNDONE.value, finding)
            if moving.turns and moving.source.secondary is not None:
                await connection.execute(sql.RELABEL, moving.source.primary.value, moving.source.secondary.value)

    async def history(self, limit: int) -> list[PhaseChange]:
        """Return the newest changes of the phase, newest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql.HISTORY, limit)
        return [
            PhaseChange(epoch, Phase.parse(phase), datetime_of(at), by, reason, forced)
            for epoch, phase, at, by, reason, forced in rows
        ]

    async def followed_since(self) -> int:
        """Return the first epoch since which PostgreSQL has been told all, or has recorded what it was not told."""
        async with self._pool.connection() as connection:
            return int(await connection.fetchval(sql.FOLLOWED_SINCE))

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[Connection]:
        """A transaction that no other of this kind runs beside; all instances hear of it."""
        async with self._pool.connection() as connection, transaction(connection):
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            yield connection
            await connection.execute(sql.TELL)


async def _mark_removed(connection: Connection, instance: Instance) -> None:
    known = await _known(connection)
    marked = marks_of_removal(known, instance)
    for store in marked:
        await mark_everything(connection, store)
    moving = known.under_way
    if marked and moving is not None and moving.step is Step.DRAINED:
        # Those that are left may have confirmed that nothing is dirty, which is true no more.
        await connection.execute(sql.STEP, moving.id, Step.DRAINED.value, "")


async def _flip(connection: Connection, known: FleetState, moving: Transition) -> None:
    only_iotdb = not moving.target.writes_to(StoreName.POSTGRES)
    values = (moving.target.value, moving.changed_by, moving.reason, moving.forced, only_iotdb)
    since = await connection.fetchval(sql.FLIP, known.epoch, *values)
    for store in marks_of_flip(known, moving):
        await mark_everything(connection, store, since if store is StoreName.IOTDB and known.epoch > 1 else None)
    if not moving.target.keeps_iotdb:
        await connection.execute(sql.FORGET, StoreName.IOTDB.value)


async def _known(connection: Connection) -> FleetState:
    state = await _state(connection)
    if state is None:
        raise RuntimeError("the fleet has no phase yet: first() was not called")
    return state


async def _state(connection: Connection) -> FleetState | None:
    row = await connection.fetchrow(sql.STATE)
    if row is None:
        return None
    phase = Phase.parse(row["phase"])
    return FleetState(row["epoch"], phase, row["remembers"], _transition(row), row["members"])


def _transition(row: Any) -> Transition | None:
    if row["transition_id"] is None:
        return None
    return Transition(
        id=row["transition_id"],
        revision=row["revision"],
        source=Phase.parse(row["from_phase"]),
        target=Phase.parse(row["to_phase"]),
        step=Step(row["step"]),
        changed_by=row["changed_by"],
        reason=row["reason"],
        forced=row["forced"],
        started_at=datetime_of(row["started_at"]),
        step_seconds=row["step_seconds"],
        finding=row["finding"],
    )


def _instance(row: Any) -> Instance:
    return Instance(
        id=row["instance_id"],
        name=row["name"],
        started_at=datetime_of(row["started_at"]),
        silent_seconds=row["silent_seconds"],
        confirmed=row["confirmed"],
        stopped=row["stopped"],
        alone=row["alone"],
        epoch=row["epoch"],
        step=Step(row["step"]) if row["step"] else None,
        stores=_stores(row),
    )


def _stores(row: Any) -> dict[StoreName, StoreFigures]:
    told = {each["store"]: each for each in row["stores"]}
    return {store: _figures(row, store, told.get(store.value)) for store in StoreName}


def _figures(row: Any, store: StoreName, told: Any) -> StoreFigures:
    if told is None:
        return StoreFigures(Dirt(row[f"dirty_{store}"], row[f"lag_{store}"]))
    return StoreFigures(
        Dirt(row[f"dirty_{store}"], row[f"lag_{store}"], told["dirty_points"]),
        StoreLoad(*(told[each.name] for each in fields(StoreLoad))),
    )


def _told(pulse: Pulse) -> Iterator[Any]:
    """The parameters of a heartbeat, after the instance's id."""
    for store in (StoreName.IOTDB, StoreName.POSTGRES):
        dirt = pulse.stores[store].dirt
        yield from (dirt.ranges, dirt.lag_seconds)
    yield from (pulse.epoch, pulse.step, pulse.alone)
    yield [store.value for store in pulse.stores]
    told = list(pulse.stores.values())
    yield [each.dirt.points for each in told]
    for figure in fields(StoreLoad):
        yield [getattr(each.load, figure.name) for each in told]
