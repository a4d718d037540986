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


@dataclass(frozen=True, slots=True)
class Migration:
    """The phase, the stores, the conditions of the next phase and of going back, and past transitions, newest first."""

    phase: Phase
    epoch: int
    stores: tuple[StoreStatus, ...]
    advance_guards: tuple[Guard, ...]
    roll_back_guards: tuple[Guard, ...]
    history: tuple[PhaseChange, ...]


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
    )


def _guard(message: pb.Guard) -> Guard:
    return Guard(message.name, message.satisfied, message.finding, message.remedy)


def _change(message: pb.PhaseChange) -> PhaseChange:
    return PhaseChange(
        message.epoch,
        word_of(Phase, message.phase),
        moment_of(message.changed_at),
        message.changed_by,
        message.reason,
        message.forced,
    )
