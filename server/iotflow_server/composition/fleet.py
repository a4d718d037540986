"""Starts the way of a write, and this instance's part in the transitions of the fleet."""

from __future__ import annotations

from dataclasses import dataclass

from iotflow_server.composition.core import Core
from iotflow_server.ingest.ingest import Ingest
from iotflow_server.migration.agent import FleetAgent
from iotflow_server.migration.archive.evidence import ArchiveEvidence
from iotflow_server.migration.backfill.evidence import BackfillEvidence
from iotflow_server.migration.controller import MigrationController
from iotflow_server.migration.jobs.job_table import JobTable
from iotflow_server.migration.jobs.strain import LiveStrain
from iotflow_server.migration.repair_pace import RepairPace
from iotflow_server.migration.repairer import Repairer
from iotflow_server.migration.schema_evidence import SchemaEvidence
from iotflow_server.migration.verification.evidence import ComparisonEvidence
from iotflow_server.routing.fence import Fence
from iotflow_server.stores.postgres.stream_writers import StreamWriters
from iotflow_server.stores.postgres.takeovers import StreamTakeovers


@dataclass(frozen=True)
class Member:
    """An instance that takes writes and follows the phase."""

    ingest: Ingest
    agent: FleetAgent

    def epoch(self) -> int:
        """The phase that this instance acts by."""
        return self.agent.state.epoch


async def join_fleet(core: Core) -> Member:
    """Register with the fleet, and let writes and repairs begin; they end with the stack."""
    settings, router = core.settings, core.router
    fence = _fence(core)
    ingest = Ingest(router, fence, settings.max_inflight_bytes)
    core.metrics.watch_inflight_bytes(lambda: ingest.budget.used)
    repairer = _repairer(core)
    agent = FleetAgent(
        core.fleet,
        core.file,
        core.known,
        router,
        core.dirty,
        ingest.quiesced,
        repairer,
        core.figures,
        name=settings.known_as,
        patience_seconds=settings.transition_patience_seconds,
    )
    await core.in_flight.recover(core.dirty, router.stance, settings.max_dirty_ranges)
    await agent.start(core.postgres.pool)
    core.stack.push_async_callback(agent.stop)
    core.in_flight.start()
    core.stack.push_async_callback(core.in_flight.stop)
    ingest.start()
    core.stack.push_async_callback(ingest.stop)
    repairer.start()
    core.stack.push_async_callback(repairer.stop)
    return Member(ingest, agent)


def _repairer(core: Core) -> Repairer:
    settings, router = core.settings, core.router
    strain = LiveStrain(core.live_writes(), lambda: 0, settings.job_max_write_seconds, 0)
    pace = RepairPace(settings.repair_points_per_second, strain, lambda: router.stance.needs_both)
    return Repairer(router, core.dirty.local, core.dirty.shared, core.locks, pace, core.metrics.points_repaired)


def _fence(core: Core) -> Fence:
    """What keeps streams that were left behind away; where IoTDB is kept, also at other processes."""
    pool = core.postgres.pool
    writers = StreamWriters(pool)
    takeovers = StreamTakeovers(pool, writers, core.settings.instance_silence_seconds)
    fence = Fence(writers, takeovers, lambda: core.router.phase)
    if core.known.phase.keeps_iotdb:
        takeovers.start(fence)
        core.stack.push_async_callback(takeovers.stop)
    return fence


def controller_of(core: Core, member: Member) -> MigrationController:
    """What an operator moves the phase by, with the evidence that its guards look at."""
    settings, pool = core.settings, core.postgres.pool
    comparisons = ComparisonEvidence(pool, settings.guard_hours, is_required=settings.require_verification)
    evidence = (
        SchemaEvidence(pool),
        BackfillEvidence(JobTable(pool), core.fleet.followed_since, is_required=settings.require_backfill),
        comparisons,
        ArchiveEvidence(JobTable(pool), member.epoch),
    )
    return MigrationController(
        member.agent,
        core.fleet,
        core.router,
        core.figures,
        core.stores,
        evidence,
        comparisons.mismatches,
        silence_seconds=settings.instance_silence_seconds,
    )
