"""The parts that an instance does jobs with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.jobs import Jobs
from iotflow_server.migration.jobs.kinds import JobKinds
from iotflow_server.migration.jobs.leases import Leases
from iotflow_server.migration.jobs.pacing import Strain
from iotflow_server.migration.jobs.runner import JobRunner
from iotflow_server.stores.postgres.pool import PostgresPool


@dataclass(frozen=True, slots=True)
class JobParts:
    """Kinds are offered before the runner is started."""

    kinds: JobKinds
    jobs: Jobs
    runner: JobRunner

    @classmethod
    def of(
        cls,
        pool: PostgresPool,
        instance: str,
        epoch: Callable[[], int],
        strain: Strain,
        show: Callable[[Job], None],
        *,
        lease_seconds: float,
        settings: RunSettings,
    ) -> JobParts:
        """Build them."""
        kinds = JobKinds()
        runner = JobRunner(Leases(pool, instance, lease_seconds), kinds, settings, strain, show)
        return cls(kinds, Jobs(JobTable(pool), kinds, epoch, runner.look), runner)
