"""Builds the jobs, and offers the kinds of work that the phase has a use for."""

from __future__ import annotations

from typing import Final

from iotflow_server.access.registry import DeviceRegistry
from iotflow_server.composition.comparisons import offer_verification
from iotflow_server.composition.core import Core
from iotflow_server.composition.fleet import Member
from iotflow_server.composition.stores import iotdb_history
from iotflow_server.migration.archive.offering import offer_archives
from iotflow_server.migration.backfill.backfill import Backfills
from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.plan import Outlook
from iotflow_server.migration.jobs.spec import JobKind
from iotflow_server.migration.jobs.strain import LiveStrain
from iotflow_server.migration.outlook import Outlooks
from iotflow_server.stores.history import History
from iotflow_server.stores.name import StoreName

#: As many as a job may ask for.
_MOST_WORKERS: Final = 16


def start_jobs(core: Core, member: Member) -> JobParts:
    """The jobs of the deployment. They run here, until the stack is left, where IoTDB is kept; else they rest."""
    jobs = _parts(core, member)
    if StoreName.IOTDB in core.stores:
        history = iotdb_history(core.settings, _MOST_WORKERS, core.stack, core.registry.owner)
        outlooks = Outlooks(history, core.stores[StoreName.IOTDB], core.postgres, core.registry.owner)
        _offer_backfill(core, jobs, history, member.agent.copies, outlooks.carried)
        offer_verification(core, jobs, history, member.agent.copies, outlooks.compared)
        offer_archives(
            jobs.kinds,
            history,
            lambda: core.router.phase,
            core.registry.owner,
            core.settings.archive_file_points,
            outlooks.carried,
        )
        jobs.runner.start()
        core.stack.push_async_callback(jobs.runner.stop)
    return jobs


def strain_of_jobs(core: Core) -> LiveStrain:
    """What jobs give way to: live writes of the whole fleet, and the secondary that has to keep up."""
    settings = core.settings
    return LiveStrain(core.live_writes(), core.missed, settings.job_max_write_seconds, settings.job_max_dirty_ranges)


def _parts(core: Core, member: Member) -> JobParts:
    settings, metrics = core.settings, core.metrics

    def show(job: Job) -> None:
        done, total, rate = job.progress.points_done, job.progress.points_total, job.progress.points_per_second
        metrics.job_progress(job.id, job.kind, done=done, total=total, points_per_second=rate)

    return JobParts.of(
        core.postgres.pool,
        member.agent.instance_id,
        member.epoch,
        strain_of_jobs(core),
        show,
        lease_seconds=settings.job_lease_seconds,
        settings=RunSettings(settings.job_workers, settings.job_tries),
    )


def _offer_backfill(core: Core, jobs: JobParts, history: History, copies: CopyGate, outlook: Outlook) -> None:
    registry, router = core.registry, core.router

    async def adopt() -> None:
        if isinstance(registry, DeviceRegistry):
            await registry.adopt(await router.primary().list_devices())

    filler = core.postgres.filler(_MOST_WORKERS)
    core.stack.push_async_callback(filler.close)
    points = core.settings.backfill_chunk_points
    backfills = Backfills(history, filler, lambda: router.phase, registry.owner, adopt, copies, points)
    jobs.kinds.offer(JobKind.BACKFILL, backfills, backfills.objection, outlook)
