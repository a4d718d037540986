"""What backfills have to say about a transition."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.spec import JobKind, JobState
from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName


class BackfillEvidence:
    """Implements migration.evidence.Evidence. A backfill counts from the epoch ``since`` on; ``is_required`` asks for
    one of everything, which is not asked for where the repair of dirty ranges carries history by itself."""

    def __init__(self, table: JobTable, since: Callable[[], Awaitable[int]], *, is_required: bool) -> None:
        self._table = table
        self._since = since
        self._is_required = is_required

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        """Before PostgreSQL is read: backfill is complete. Then and before IoTDB goes: nobody misses what it left."""
        leaves_iotdb = current.reads_from(StoreName.IOTDB) and target.reads_from(StoreName.POSTGRES)
        decommissions = current.keeps_iotdb and not target.keeps_iotdb
        if not (leaves_iotdb or decommissions):
            return ()
        jobs = [job for job in await self._table.list_jobs([JobKind.BACKFILL]) if job.state is not JobState.CANCELLED]
        findings = _waived(jobs)
        return (self._complete(jobs, await self._since()), findings) if leaves_iotdb else (findings,)

    def _complete(self, jobs: Sequence[Job], since: int) -> Guard:
        remedy = "let a backfill of everything succeed (StartBackfill), or cancel one that is not wanted"
        whole = [job for job in jobs if job.spec.scope.is_everything and job.epoch >= since]
        if not whole:
            finding = "none of everything has been started since PostgreSQL is written"
            return Guard("backfill_complete", not self._is_required, finding, remedy)
        newest, progress = whole[0], whole[0].progress
        finding = f"job {newest.id} is {newest.state}: {progress.points_done:,} of {progress.points_total:,} points"
        return Guard("backfill_complete", newest.state is JobState.SUCCEEDED, finding, remedy)


def _waived(jobs: Sequence[Job]) -> Guard:
    """Whether nobody has to look at what backfills left; a later one of everything counts for all before it."""
    open_jobs = []
    for job in jobs:
        if job.progress.open_findings:
            open_jobs.append(job)
        if job.spec.scope.is_everything and job.state is JobState.SUCCEEDED:
            break
    finding = ", ".join(f"{job.progress.open_findings} of job {job.id}" for job in open_jobs) or "none is open"
    remedy = "put right what ListJobFindings names and start a backfill again, or waive it (WaiveJobFindings)"
    return Guard("backfill_findings_waived", not open_jobs, finding, remedy)
