"""Where the migration stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iotflow.telemetry._enums import Phase, Store, number_of, word_of
from iotflow.telemetry._records import text
from iotflow.telemetry._times import moment_of
from iotflow.telemetry.v1 import migration_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of a transition: whether it holds, what was found, and how to satisfy it."""

    name: str
    satisfied: bool
    finding: str
    remedy: str
    forcible: bool


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """A transition that was made: when, by whom, why, and whether guards were overridden."""

    epoch: int
    phase: Phase
    changed_at: datetime
    changed_by: str
    reason: str
    forced: bool


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How far a store is behind the one that is read: ``dirty_ranges`` are those in which it may differ."""

    store: Store
    reachable: bool
    written: bool
    read: bool
    dirty_ranges: int
    last_error: str
    repaired_points: int
    lag_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Instance:
    """A process that serves the fleet: ``silent_seconds`` since it was heard of, and whether it follows."""

    instance_id: str
    name: str
    started_at: datetime
    silent_seconds: float
    confirmed: bool
    dirty_ranges: int
    stopped: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition under way: where to, how far, and what it waits for."""

    target: Phase
    step: str
    started_at: datetime
    changed_by: str
    reason: str
    forced: bool
    waits_for: str


@dataclass(frozen=True, slots=True)
class Migration:
    """The phase, the stores, the conditions of the next phase and of going back, past transitions, newest first, the
    instances of the fleet, and the transition under way."""

    phase: Phase
    epoch: int
    stores: tuple[StoreStatus, ...]
    advance_guards: tuple[Guard, ...]
    roll_back_guards: tuple[Guard, ...]
    history: tuple[PhaseChange, ...]
    instances: tuple[Instance, ...] = ()
    transition: Transition | None = None


def transition(expected_phase: Phase | str | None, changed_by: str, reason: str, force: bool) -> dict[str, Any]:
    """The fields of a request to move."""
    expected = 0 if expected_phase is None else number_of(Phase, expected_phase, "expected_phase")
    return {
        "expected_phase": expected,
        "changed_by": text(changed_by, "changed_by"),
        "reason": text(reason, "reason"),
        "force": force,
    }


def decode_migration(
    response: pb.GetMigrationResponse | pb.AdvancePhaseResponse | pb.RollBackPhaseResponse,
) -> Migration:
    """Where the migration stands."""
    message = response.migration
    return Migration(
        word_of(Phase, message.phase),
        message.epoch,
        tuple(map(_store, message.stores)),
        tuple(map(_guard, message.advance_guards)),
        tuple(map(_guard, message.roll_back_guards)),
        tuple(map(_change, message.history)),
        tuple(map(_instance, message.instances)),
        _transition(message.transition) if message.HasField("transition") else None,
    )


def _store(message: pb.StoreStatus) -> StoreStatus:
    return StoreStatus(
        word_of(Store, message.store),
        message.reachable,
        message.written,
        message.read,
        message.dirty_ranges,
        message.last_error,
        message.repaired_points,
        message.lag_seconds,
    )


def _guard(message: pb.Guard) -> Guard:
    return Guard(message.name, message.satisfied, message.finding, message.remedy, message.forcible)


def _change(message: pb.PhaseChange) -> PhaseChange:
    return PhaseChange(
        message.epoch,
        word_of(Phase, message.phase),
        moment_of(message.changed_at),
        message.changed_by,
        message.reason,
        message.forced,
    )


def _instance(message: pb.Instance) -> Instance:
    return Instance(
        message.instance_id,
        message.name,
        moment_of(message.started_at),
        message.silent_seconds,
        message.confirmed,
        message.dirty_ranges,
        message.stopped,
    )


def _transition(message: pb.Transition) -> Transition:
    return Transition(
        word_of(Phase, message.target),
        pb.TransitionStep.Name(message.step).removeprefix("TRANSITION_STEP_"),
        moment_of(message.started_at),
        message.changed_by,
        message.reason,
        message.forced,
        message.waits_for,
    )
