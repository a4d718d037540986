"""Wires what compares both stores: verification as a job, and shadow reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from iotflow_server.api.ports import Comparisons
from iotflow_server.config import Settings
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.spec import JobKind
from iotflow_server.migration.verification.comparing import Pair
from iotflow_server.migration.verification.correcting import Corrector
from iotflow_server.migration.verification.findings import VerificationFindings
from iotflow_server.migration.verification.reports import VerificationReports
from iotflow_server.migration.verification.work import Verifications
from iotflow_server.observability.metrics import Metrics
from iotflow_server.query.engine import QueryEngine
from iotflow_server.routing.router import Router
from iotflow_server.shadow.mismatches import ShadowMismatches
from iotflow_server.shadow.shadow_reads import ShadowReads, Sides
from iotflow_server.stores.history import History
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.store import OwnerLookup

#: In how many ranges the secondary is known to differ.
Lag = Callable[[], int]


def offer_verification(
    settings: Settings,
    jobs: JobParts,
    router: Router,
    postgres: PostgresStore,
    history: History,
    corrector: Corrector,
    lag: Lag,
    owner_of: OwnerLookup,
) -> None:
    """Let verifications and repairs be done as jobs."""

    def pair() -> Pair | None:
        secondary = router.secondary()
        return None if secondary is None else Pair(router.primary(), secondary.store)

    work = Verifications(
        pair,
        postgres,
        history,
        _findings(settings, postgres),
        corrector,
        lag,
        owner_of,
        settings.verification_patience_seconds,
        settings.continuous_verification_points_per_second,
    )
    for kind in (JobKind.VERIFICATION, JobKind.REPAIR):
        jobs.kinds.offer(kind, work, work.objection)


def comparisons(
    settings: Settings,
    jobs: JobParts,
    router: Router,
    postgres: PostgresStore,
    engines: Mapping[StoreName, QueryEngine],
    lag: Lag,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> tuple[Comparisons, ShadowReads]:
    """What the edge shows of both, and the shadow reads themselves. ``engines`` answer from one store each."""

    def sides() -> Sides | None:
        secondary = router.secondary()
        if secondary is None or not secondary.is_well:
            return None
        read_from, other = router.primary().name, secondary.store.name
        return Sides(engines[read_from], engines[other], read_from, other)

    mismatches = ShadowMismatches(postgres.pool, settings.shadow_mismatches_kept)
    shadow = ShadowReads(
        sides,
        lag,
        mismatches,
        metrics,
        share=settings.shadow_read_share,
        most_at_once=settings.shadow_reads_at_once,
        timeout_seconds=settings.postgres_timeout_seconds,
    )
    stack.push_async_callback(shadow.stop)
    return Comparisons(VerificationReports(jobs.jobs, _findings(settings, postgres)), mismatches, shadow), shadow


def _findings(settings: Settings, postgres: PostgresStore) -> VerificationFindings:
    return VerificationFindings(postgres.pool, settings.verification_listed_differences)
