"""Finds out, before an instance serves, by what it is to act."""

from __future__ import annotations

from iotflow_server.migration.fleet import FleetState
from iotflow_server.migration.position import Position
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName


async def first_state(fleet: PostgresFleet, position: Position | None, first_phase: Phase) -> tuple[FleetState, Stance]:
    """Where the fleet stands, and how to act; epoch 0 is a new deployment's, which is not durable yet.

    Without PostgreSQL an instance acts as it did last, if its reads do not need PostgreSQL. No transition comes to its
    end without it meanwhile.

    :raises StoreUnavailableError: PostgreSQL is away, and the phase is unknown or needs it.
    """
    try:
        state = await fleet.state() or FleetState(0, first_phase, remembers=False, transition=None)
    except StoreUnavailableError as error:
        return _without_postgres(position, error)
    return state, state.stance


def _without_postgres(position: Position | None, error: StoreUnavailableError) -> tuple[FleetState, Stance]:
    if position is None:
        message = f"{error.message}; the first start needs it to learn the phase"
        raise StoreUnavailableError(StoreName.POSTGRES, message) from error
    if position.left or position.stance.phase.reads_from(StoreName.POSTGRES):
        raise error
    stance = position.stance
    return FleetState(position.epoch, stance.phase, stance.remembers, transition=None), stance
