"""One snapshot of the migration; RPC, log and metrics all show this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iotflow_server.migration.fleet import Instance, Transition
from iotflow_server.migration.pulse import StoreFigures
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of a transition, with what was found and how to satisfy it. Not all can be overridden."""

    name: str
    satisfied: bool
    finding: str
    remedy: str
    forcible: bool = True


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """A transition that was made. ``epoch`` rises by one with each."""

    epoch: int
    phase: Phase
    changed_at: datetime
    changed_by: str
    reason: str
    forced: bool


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Where one store stands; ``figures`` are those of the whole fleet."""

    store: StoreName
    reachable: bool
    written: bool
    read: bool
    last_error: str
    figures: StoreFigures


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Where the migration stands. ``history`` is newest first, at most 100; ``transition`` is the one under way."""

    phase: Phase
    epoch: int
    #: What an instance has confirmed that follows.
    revision: int
    stores: tuple[StoreStatus, ...]
    advance_guards: tuple[Guard, ...]
    roll_back_guards: tuple[Guard, ...]
    history: tuple[PhaseChange, ...]
    instances: tuple[Instance, ...]
    transition: Transition | None
    #: What the transition under way waits for; empty where there is none.
    waits_for: str
    #: Reads that both stores answered differently of late; None while that is not known.
    shadow_mismatches: int | None


class TransitionRefusedError(Exception):
    """Base of the reasons for which a phase is not moved."""


class PhaseMismatchError(TransitionRefusedError):
    """The fleet stands in another phase than the caller believes."""


class NoNeighbourError(TransitionRefusedError):
    """There is no phase in that direction."""


class GuardsUnsatisfiedError(TransitionRefusedError):
    """Guards do not hold; ``guards`` are those."""

    def __init__(self, guards: tuple[Guard, ...]) -> None:
        super().__init__("; ".join(f"{guard.name}: {guard.finding} ({guard.remedy})" for guard in guards))
        self.guards = guards


class TransitionUnderWayError(TransitionRefusedError):
    """Another transition has begun and is not over."""


class TransitionUndoneError(TransitionRefusedError):
    """The transition was begun, and given up; the message says why."""


class UnknownInstanceError(TransitionRefusedError):
    """No instance has that id."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(f"no instance has the id {instance_id!r}; ListInstances names those that there are")


class InstanceHeardError(TransitionRefusedError):
    """The instance is not dead."""

    def __init__(self, name: str, silent_seconds: float) -> None:
        super().__init__(f"{name} was heard of {silent_seconds:.1f} s ago: stop it before you remove it")
