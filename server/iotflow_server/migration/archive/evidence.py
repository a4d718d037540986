"""What an archive has to say about giving IoTDB up; implements migration.evidence.Evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.spec import JobKind, JobState
from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase

_LOOKED_AT: Final = 100
_REMEDY: Final = "run iotflow migrate archive --folder FOLDER --wait (StartArchive), over everything"


class ArchiveEvidence:
    """IoTDB is given up once all of it is in files, or with force. ``epoch`` tells the phase's."""

    def __init__(self, jobs: JobTable, epoch: Callable[[], int]) -> None:
        self._jobs = jobs
        self._epoch = epoch

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        """Whether IoTDB was archived since it was last written, and what of it could not be."""
        if target.keeps_iotdb:
            return ()
        archives = await self._jobs.list_jobs([JobKind.ARCHIVE], [], limit=_LOOKED_AT)
        whole = [job for job in archives if job.epoch == self._epoch() and job.spec.scope.is_everything]
        return (_archived(whole), *_without_findings(whole))


def _archived(archives: Sequence[Job]) -> Guard:
    done = [job for job in archives if job.state is JobState.SUCCEEDED]
    if done:
        points = (done[0].report or {}).get("points", 0)
        return Guard("iotdb_archived", True, f"job {done[0].id} has archived {points:,} points", _REMEDY)
    if archives:
        last = archives[0]
        why = f"job {last.id} is {last.state}{': ' if last.error else ''}{last.error}"
        return Guard("iotdb_archived", False, why, f"iotflow migrate jobs {last.id} tells more; or {_REMEDY}")
    return Guard("iotdb_archived", False, "there is no archive of this phase", _REMEDY)


def _without_findings(archives: Sequence[Job]) -> list[Guard]:
    done = [job for job in archives if job.state is JobState.SUCCEEDED]
    if not done:
        return []
    job, count = done[0], done[0].progress.open_findings
    remedy = f"look at them with iotflow migrate findings {job.id}, then iotflow migrate waive {job.id} --reason WHY"
    return [Guard("archive_without_findings", not count, f"{count} findings of job {job.id} are not waived", remedy)]
