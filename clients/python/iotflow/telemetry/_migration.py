"""Where the migration stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iotflow.telemetry._enums import Phase, Store, number_of, word_of
from iotflow.telemetry._jobs import Job, job_of
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
    """How far a store is behind the one that is read: ``dirty_ranges`` are those in which it may differ, ``lag_points``
    an estimate of the points in them. Rates are those of the last ten seconds, of all instances; ``*_p95_seconds`` is
    what 19 of 20 did not exceed."""

    store: Store
    reachable: bool
    written: bool
    read: bool
    dirty_ranges: int
    last_error: str
    repaired_points: int
    lag_seconds: float = 0.0
    lag_points: int = 0
    points_per_second: float = 0.0
    reads_per_second: float = 0.0
    write_p95_seconds: float = 0.0
    read_p95_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Instance:
    """A process that serves the fleet: ``silent_seconds`` since it was heard of, whether it follows, and the epoch and
    step that it acts by; ``step`` is empty where no transition is under way."""

    instance_id: str
    name: str
    started_at: datetime
    silent_seconds: float
    confirmed: bool
    dirty_ranges: int
    stopped: bool
    epoch: int = 0
    step: str = ""


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
    instances of the fleet, and the transition under way. ``shadow_mismatches`` are reads that both stores answered
    differently of late, None where that is not known; ``jobs`` those that have not ended or have failed."""

    phase: Phase
    epoch: int
    stores: tuple[StoreStatus, ...]
    advance_guards: tuple[Guard, ...]
    roll_back_guards: tuple[Guard, ...]
    history: tuple[PhaseChange, ...]
    instances: tuple[Instance, ...] = ()
    transition: Transition | None = None
    shadow_mismatches: int | None = None
    jobs: tuple[Job, ...] = ()


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
    response: pb.GetMigrationResponse | pb.WatchMigrationResponse | pb.AdvancePhaseResponse | pb.RollBackPhaseResponse,
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
        message.shadow_mismatches if message.HasField("shadow_mismatches") else None,
        tuple(map(job_of, message.jobs)),
    )


def decode_instances(response: pb.ListInstancesResponse | pb.RemoveInstanceResponse) -> tuple[Instance, ...]:
    """Instances."""
    return tuple(map(_instance, response.instances))


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
        message.lag_points,
        message.points_per_second,
        message.reads_per_second,
        message.write_p95_seconds,
        message.read_p95_seconds,
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
        message.epoch,
        _step(message.step),
    )


def _transition(message: pb.Transition) -> Transition:
    return Transition(
        word_of(Phase, message.target),
        _step(message.step),
        moment_of(message.started_at),
        message.changed_by,
        message.reason,
        message.forced,
        message.waits_for,
    )


def _step(step: pb.TransitionStep) -> str:
    return pb.TransitionStep.Name(step).removeprefix("TRANSITION_STEP_") if step else ""
