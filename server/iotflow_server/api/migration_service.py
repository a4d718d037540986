"""MigrationService: shows and moves the phase; its jobs are in job_service, comparisons in comparison_service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.api.comparison_service import ComparisonCalls
from iotflow_server.api.instances import PHASES, instance_messages
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.job_service import JobCalls
from iotflow_server.api.migration_status import SHOWN_JOBS, SHOWN_STATES, gist_of, migration_message
from iotflow_server.api.ports import Comparisons, JobsPort, MigrationPort
from iotflow_server.api.watching import SharedLook, until_drained
from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.status import MigrationStatus
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreError

MAX_WHO: Final = 200
MAX_REASON: Final = 1_000
MIN_EVERY_SECONDS: Final = 1.0
MAX_EVERY_SECONDS: Final = 60.0
_EVERY_SECONDS: Final = 2.0

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
        self._looks = SharedLook(self._now)

    async def GetMigration(self, request: pb.GetMigrationRequest, context: Any) -> pb.GetMigrationResponse:
        """Where the migration stands."""
        return pb.GetMigrationResponse(migration=await self._now())

    async def WatchMigration(
        self, request: pb.WatchMigrationRequest, context: Any
    ) -> AsyncIterator[pb.WatchMigrationResponse]:
        """Where it stands, whenever that changes, until the caller or the server ends it."""
        every = request.every_seconds or _EVERY_SECONDS
        if not MIN_EVERY_SECONDS <= every <= MAX_EVERY_SECONDS:
            span = f"{MIN_EVERY_SECONDS:g} to {MAX_EVERY_SECONDS:g} seconds, or 0 for {_EVERY_SECONDS:g}"
            raise InvalidRequestError(("every_seconds", f"{every:g} is not within {span}"))
        async with aclosing(self._looks.watch(gist_of, every)) as looks:  # type: ignore[type-var]  # it is a generator
            async for migration in until_drained(looks, self._drained):
                yield pb.WatchMigrationResponse(migration=migration)

    async def AdvancePhase(self, request: pb.AdvancePhaseRequest, context: Any) -> pb.AdvancePhaseResponse:
        """Move to the next phase."""
        status = await self._migration.advance(**_wish(request))
        return pb.AdvancePhaseResponse(migration=await self._message(status))

    async def RollBackPhase(self, request: pb.RollBackPhaseRequest, context: Any) -> pb.RollBackPhaseResponse:
        """Move to the phase before."""
        status = await self._migration.roll_back(**_wish(request))
        return pb.RollBackPhaseResponse(migration=await self._message(status))

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

    async def _now(self) -> pb.Migration:
        return await self._message(await self._migration.status())

    async def _message(self, status: MigrationStatus) -> pb.Migration:
        jobs: Sequence[Job] = ()
        with suppress(StoreError):
            # They are kept in PostgreSQL; without it the phase is still known.
            jobs = await self._jobs.list_jobs((), SHOWN_STATES, None, SHOWN_JOBS)
        return migration_message(status, jobs)


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
