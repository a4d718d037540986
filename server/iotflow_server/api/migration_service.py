"""MigrationService: shows and moves the phase; its jobs are in job_service, comparisons in comparison_service."""

from __future__ import annotations

from typing import Any, Final

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.api.comparison_service import ComparisonCalls
from iotflow_server.api.encode import store_message
from iotflow_server.api.instances import PHASES, instance_messages, transition_message
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.job_service import JobCalls
from iotflow_server.api.ports import Comparisons, JobsPort, MigrationPort
from iotflow_server.api.times import moment_message
from iotflow_server.migration.status import Guard, MigrationStatus, PhaseChange, StoreStatus
from iotflow_server.routing.phase import Phase

MAX_WHO: Final = 200
MAX_REASON: Final = 1_000

_EXPECTED: Final[dict[int, Phase | None]] = {
    pb.PHASE_UNSPECIFIED: None,
    **{number: phase for phase, number in PHASES.items()},
}


class MigrationService(JobCalls, ComparisonCalls):
    """Shows and moves the phase, and runs jobs. What goes wrong is raised; the edge makes it a status."""

    def __init__(self, migration: MigrationPort, jobs: JobsPort, comparisons: Comparisons) -> None:
        super().__init__(jobs)
        self._migration = migration
        self._comparisons = comparisons

    async def GetMigration(self, request: pb.GetMigrationRequest, context: Any) -> pb.GetMigrationResponse:
        """Where the migration stands."""
        return pb.GetMigrationResponse(migration=_migration(await self._migration.status()))

    async def AdvancePhase(self, request: pb.AdvancePhaseRequest, context: Any) -> pb.AdvancePhaseResponse:
        """Move to the next phase."""
        return pb.AdvancePhaseResponse(migration=_migration(await self._migration.advance(**_wish(request))))

    async def RollBackPhase(self, request: pb.RollBackPhaseRequest, context: Any) -> pb.RollBackPhaseResponse:
        """Move to the phase before."""
        return pb.RollBackPhaseResponse(migration=_migration(await self._migration.roll_back(**_wish(request))))

    async def ListInstances(self, request: pb.ListInstancesRequest, context: Any) -> pb.ListInstancesResponse:
        """The instances of the fleet."""
        status = await self._migration.status()
        return pb.ListInstancesResponse(instances=instance_messages(status.instances, status.revision))

    async def RemoveInstance(self, request: pb.RemoveInstanceRequest, context: Any) -> pb.RemoveInstanceResponse:
        """Say that an instance is dead."""
        if not request.instance_id:
            raise InvalidRequestError(("instance_id", "empty; ListInstances names those that there are"))
        status = await self._migration.remove_instance(request.instance_id)
        return pb.RemoveInstanceResponse(instances=instance_messages(status.instances, status.revision))


def _wish(request: pb.AdvancePhaseRequest | pb.RollBackPhaseRequest) -> dict[str, Any]:
    if request.expected_phase not in _EXPECTED:
        words = ", ".join(f"PHASE_{phase}" for phase in Phase)
        raise InvalidRequestError(("expected_phase", f"{request.expected_phase} is no phase; one of {words} is right"))
    for field, text, longest in (("changed_by", request.changed_by, MAX_WHO), ("reason", request.reason, MAX_REASON)):
        if len(text) > longest or "\0" in text:
            raise InvalidRequestError((field, f"at most {longest} characters, without U+0000"))
    if request.force and not request.reason.strip():
        raise InvalidRequestError(("reason", "a forced move needs a reason: it is kept in the history"))
    return {
        "expected": _EXPECTED[request.expected_phase],
        "changed_by": request.changed_by,
        "reason": request.reason,
        "force": request.force,
    }


def _migration(status: MigrationStatus) -> pb.Migration:
    return pb.Migration(
        phase=PHASES[status.phase],
        epoch=status.epoch,
        stores=map(_store, status.stores),
        advance_guards=map(_guard, status.advance_guards),
        roll_back_guards=map(_guard, status.roll_back_guards),
        history=map(_change, status.history),
        instances=instance_messages(status.instances, status.revision),
        transition=transition_message(status),
    )


def _store(status: StoreStatus) -> pb.StoreStatus:
    return pb.StoreStatus(
        store=store_message(status.store),
        reachable=status.reachable,
        written=status.written,
        read=status.read,
        dirty_ranges=status.dirty_ranges,
        last_error=status.last_error,
        repaired_points=status.repaired_points,
        lag_seconds=status.lag_seconds,
    )


def _guard(guard: Guard) -> pb.Guard:
    return pb.Guard(
        name=guard.name,
        satisfied=guard.satisfied,
        finding=guard.finding,
        remedy=guard.remedy,
        forcible=guard.forcible,
    )


def _change(change: PhaseChange) -> pb.PhaseChange:
    return pb.PhaseChange(
        epoch=change.epoch,
        phase=PHASES[change.phase],
        changed_at=moment_message(change.changed_at),
        changed_by=change.changed_by,
        reason=change.reason,
        forced=change.forced,
    )
