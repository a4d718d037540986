"""Instances and the transition under way as protos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.api.times import moment_message
from iotflow_server.migration.fleet import Instance, Step
from iotflow_server.migration.status import MigrationStatus
from iotflow_server.routing.phase import Phase

PHASES: Final = {
    Phase.PREPARATION: pb.PHASE_PREPARATION,
    Phase.DUAL_WRITE: pb.PHASE_DUAL_WRITE,
    Phase.READ_POSTGRES: pb.PHASE_READ_POSTGRES,
    Phase.POSTGRES_ONLY: pb.PHASE_POSTGRES_ONLY,
    Phase.DECOMMISSIONED: pb.PHASE_DECOMMISSIONED,
}
_STEPS: Final = {
    Step.ANNOUNCED: pb.TRANSITION_STEP_ANNOUNCED,
    Step.STRICT: pb.TRANSITION_STEP_STRICT,
    Step.DRAINED: pb.TRANSITION_STEP_DRAINED,
    Step.FLIPPED: pb.TRANSITION_STEP_FLIPPED,
    Step.DONE: pb.TRANSITION_STEP_DONE,
    Step.UNDONE: pb.TRANSITION_STEP_UNDONE,
}


def instance_messages(instances: Sequence[Instance], revision: int) -> list[pb.Instance]:
    """Instances, and whether each has confirmed a revision."""
    return [
        pb.Instance(
            instance_id=each.id,
            name=each.name,
            started_at=moment_message(each.started_at),
            silent_seconds=each.silent_seconds,
            confirmed=each.confirmed >= revision,
            dirty_ranges=sum(dirt.ranges for dirt in each.dirty.values()),
            stopped=each.stopped,
            epoch=each.epoch,
            step=pb.TRANSITION_STEP_UNSPECIFIED if each.step is None else _STEPS[each.step],
        )
        for each in instances
    ]


def transition_message(status: MigrationStatus) -> pb.Transition | None:
    """The transition under way."""
    moving = status.transition
    if moving is None:
        return None
    return pb.Transition(
        target=PHASES[moving.target],
        step=_STEPS[moving.step],
        started_at=moment_message(moving.started_at),
        changed_by=moving.changed_by,
        reason=moving.reason,
        forced=moving.forced,
        waits_for=status.waits_for,
    )
