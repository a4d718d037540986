"""Wires what compares both stores: verification as a job, and shadow reads."""

from __future__ import annotations

from collections.abc import Mapping

from iotflow_server.api.ports import Comparisons
from iotflow_server.composition.core import Core
from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.plan import Outlook
from iotflow_server.migration.jobs.spec import JobKind
from iotflow_server.migration.verification.comparing import Pair
from iotflow_server.migration.verification.correcting import LockingCorrector
from iotflow_server.migration.verification.findings import VerificationFindings
from iotflow_server.migration.verification.reports import VerificationReports
from iotflow_server.migration.verification.work import Verifications
from iotflow_server.shadow.mismatches import ShadowMismatches
from iotflow_server.shadow.question import Reads
from iotflow_server.shadow.shadow_reads import ShadowReads, Sides
from iotflow_server.stores.history import History
from iotflow_server.stores.name import StoreName


def offer_verification(core: Core, jobs: JobParts, history: History, copies: CopyGate, outlook: Outlook) -> None:
    """Let verifications and repairs be done as jobs."""

    def pair() -> Pair | None:
        secondary = core.router.secondary()
        return None if secondary is None else Pair(core.router.primary(), secondary.store)

    work = Verifications(
        pair,
        core.postgres,
        history,
        _findings(core),
        LockingCorrector(core.locks.deleting),
        copies,
        core.catch_up,
        core.registry.owner,
        core.settings.continuous_verification_points_per_second,
    )
    for kind in (JobKind.VERIFICATION, JobKind.REPAIR):
        jobs.kinds.offer(kind, work, work.objection, outlook)


def comparisons(core: Core, jobs: JobParts, engines: Mapping[StoreName, Reads]) -> tuple[Comparisons, ShadowReads]:
    """What the edge shows of both, and the shadow reads themselves. ``engines`` answer from one store each."""
    settings, router = core.settings, core.router

    def sides() -> Sides | None:
        secondary = router.secondary()
        if secondary is None or not secondary.is_well:
            return None
        read_from, other = router.primary().name, secondary.store.name
        return Sides(engines[read_from], engines[other], read_from, other)

    mismatches = ShadowMismatches(core.postgres.pool, settings.shadow_mismatches_kept)
    shadow = ShadowReads(
        sides,
        core.catch_up.since,
        mismatches,
        core.metrics,
        share=settings.shadow_read_share,
        most_at_once=settings.shadow_reads_at_once,
        timeout_seconds=settings.postgres_timeout_seconds,
    )
    core.stack.push_async_callback(shadow.stop)
    return Comparisons(VerificationReports(jobs.jobs, _findings(core)), mismatches, shadow), shadow


def _findings(core: Core) -> VerificationFindings:
    return VerificationFindings(core.postgres.pool, core.settings.verification_listed_differences)
