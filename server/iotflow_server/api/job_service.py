"""The part of MigrationService that starts, shows and steers jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceServicer
from iotflow_server.api import job_requests as asked
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.job_messages import finding_message, job_message, plan_message, rehearsed_message
from iotflow_server.api.ports import JobsPort
from iotflow_server.api.watching import until_drained
from iotflow_server.migration.jobs.spec import JobSpec


class JobCalls(MigrationServiceServicer):
    """Jobs. What goes wrong is raised; the edge makes it a status."""

    def __init__(self, jobs: JobsPort) -> None:
        self._jobs = jobs
        self._drained = asyncio.Event()

    def drain(self) -> None:
        """End all watches."""
        self._drained.set()

    async def StartBackfill(self, request: pb.StartBackfillRequest, context: Any) -> pb.StartBackfillResponse:
        """Start a backfill."""
        return pb.StartBackfillResponse(**await self._start(asked.backfill_spec(request), request))

    async def StartVerification(
        self, request: pb.StartVerificationRequest, context: Any
    ) -> pb.StartVerificationResponse:
        """Start a verification."""
        return pb.StartVerificationResponse(**await self._start(asked.verification_spec(request), request))

    async def StartRepair(self, request: pb.StartRepairRequest, context: Any) -> pb.StartRepairResponse:
        """Start a repair."""
        return pb.StartRepairResponse(**await self._start(asked.repair_spec(request), request))

    async def StartArchive(self, request: pb.StartArchiveRequest, context: Any) -> pb.StartArchiveResponse:
        """Start an archive."""
        return pb.StartArchiveResponse(**await self._start(asked.archive_spec(request), request))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Any) -> pb.ListJobsResponse:
        """List jobs, newest first."""
        kinds = asked.words(request.kinds, asked.KINDS, "kinds")
        states = asked.words(request.states, asked.STATES, "states")
        size, before = asked.page_size(request.page_size), asked.token_number(request.page_token)
        found = await self._jobs.list_jobs(kinds, states, before, size + 1)
        token = str(found[size - 1].id) if len(found) > size else ""
        return pb.ListJobsResponse(jobs=map(job_message, found[:size]), next_page_token=token)

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.GetJobResponse:
        """Return a job."""
        return pb.GetJobResponse(job=job_message(await self._jobs.get(request.job_id)))

    async def WatchJob(self, request: pb.WatchJobRequest, context: Any) -> AsyncIterator[pb.WatchJobResponse]:
        """Return a job whenever it changes, until it has ended or the server drains."""
        async with aclosing(self._jobs.watch(request.job_id)) as jobs:  # type: ignore[type-var]  # it is a generator
            async for job in until_drained(jobs, self._drained):
                yield pb.WatchJobResponse(job=job_message(job))

    async def PauseJob(self, request: pb.PauseJobRequest, context: Any) -> pb.PauseJobResponse:
        """Pause a job."""
        return pb.PauseJobResponse(job=job_message(await self._jobs.pause(request.job_id)))

    async def ResumeJob(self, request: pb.ResumeJobRequest, context: Any) -> pb.ResumeJobResponse:
        """Let a job go on."""
        return pb.ResumeJobResponse(job=job_message(await self._jobs.resume(request.job_id)))

    async def CancelJob(self, request: pb.CancelJobRequest, context: Any) -> pb.CancelJobResponse:
        """End a job."""
        return pb.CancelJobResponse(job=job_message(await self._jobs.cancel(request.job_id)))

    async def SetJobPace(self, request: pb.SetJobPaceRequest, context: Any) -> pb.SetJobPaceResponse:
        """Change how hard a job may work."""
        if not request.HasField("pace"):
            raise InvalidRequestError(("pace", "is required; an empty one limits nothing"))
        job = await self._jobs.set_pace(request.job_id, asked.pace_of(request.pace))
        return pb.SetJobPaceResponse(job=job_message(job))

    async def ListJobFindings(self, request: pb.ListJobFindingsRequest, context: Any) -> pb.ListJobFindingsResponse:
        """List what a job found by name."""
        size, offset = asked.page_size(request.page_size), asked.token_number(request.page_token) or 0
        found = await self._jobs.findings(request.job_id, offset, size + 1)
        token = str(offset + size) if len(found) > size else ""
        return pb.ListJobFindingsResponse(findings=map(finding_message, found[:size]), next_page_token=token)

    async def WaiveJobFindings(self, request: pb.WaiveJobFindingsRequest, context: Any) -> pb.WaiveJobFindingsResponse:
        """Waive findings."""
        waived_by = asked.text_of(request, "waived_by", asked.MAX_WHO, is_required=True)
        reason = asked.text_of(request, "reason", asked.MAX_REASON, is_required=True)
        count, job = await self._jobs.waive(request.job_id, request.code, request.subject, waived_by, reason)
        return pb.WaiveJobFindingsResponse(waived=count, job=job_message(job))

    async def _start(self, spec: JobSpec, request: Any) -> dict[str, Any]:
        """Start a job, or only tell of it; return the fields of the response."""
        pace, created_by = asked.pace_of(request.pace), asked.text_of(request, "created_by", asked.MAX_WHO)
        if request.validate_only:
            plan = await self._jobs.plan(spec)
            return {"job": rehearsed_message(spec, pace, created_by), "plan": plan_message(plan)}
        return {"job": job_message(await self._jobs.start(spec, pace, created_by))}
