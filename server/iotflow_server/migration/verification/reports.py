"""Reports of verifications, whether these have ended or not."""

from __future__ import annotations

import json

from iotflow_server.migration.jobs.job import UnknownJobError
from iotflow_server.migration.jobs.jobs import Jobs
from iotflow_server.migration.jobs.spec import JobKind
from iotflow_server.migration.verification.findings import VerificationFindings
from iotflow_server.migration.verification.page import page_of
from iotflow_server.migration.verification.report import report_of

_VERIFYING = (JobKind.VERIFICATION, JobKind.REPAIR)


class VerificationReports:
    """Made anew whenever they are asked for."""

    def __init__(self, jobs: Jobs, findings: VerificationFindings) -> None:
        self._jobs = jobs
        self._findings = findings

    async def report(self, job_id: int) -> tuple[str, str]:
        """The report of a job as JSON, and as a page.

        :raises UnknownJobError: there is no job of that number that verifies.
        """
        job = await self._jobs.get(job_id)
        if job.kind not in _VERIFYING:
            raise UnknownJobError(job_id)
        parts, listed = await self._findings.parts(job_id), await self._findings.listed(job_id)
        title = f"Job {job_id}: {job.spec.kind.lower()} of {job.spec.scope}, {job.state.lower()}"
        return json.dumps(report_of(parts, listed), ensure_ascii=False), page_of(title, parts, listed)
