"""The composition root: puts a server together from its parts, which composition/ builds one subject at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from iotflow_server.composition.comparisons import comparisons
from iotflow_server.composition.core import Core, core_of
from iotflow_server.composition.fleet import controller_of, join_fleet
from iotflow_server.composition.foundation import explained
from iotflow_server.composition.jobs import start_jobs
from iotflow_server.composition.queries import engines_of, queries_of
from iotflow_server.composition.results import kept_results
from iotflow_server.composition.rollups import refresh_rollups
from iotflow_server.config import Settings
from iotflow_server.observability.metrics import Metrics
from iotflow_server.server import TelemetryServer


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[TelemetryServer]:
    """Run the service; on leaving it is drained: what was taken is stored and answered first.

    :raises StartError: a part that the phase cannot do without is missing.
    """
    async with prepared(settings, Metrics()) as server, serving(server):
        yield server


@asynccontextmanager
async def prepared(settings: Settings, metrics: Metrics, *, is_worker: bool = False) -> AsyncIterator[TelemetryServer]:
    """A server that does not listen yet, with all its parts at work.

    ``is_worker``: other processes share its address and the deployment.

    :raises StartError: a part that the phase cannot do without is missing.
    """
    async with AsyncExitStack() as stack:
        with explained():
            core = await core_of(settings, metrics, stack)
            server = await _server(core, is_worker=is_worker)
        yield server


@asynccontextmanager
async def serving(server: TelemetryServer) -> AsyncIterator[None]:
    """Let a prepared server listen; on leaving it is drained.

    :raises StartError: its address cannot be listened on.
    """
    with explained():
        await server.start()
    try:
        yield
    finally:
        await server.stop()


async def _server(core: Core, *, is_worker: bool) -> TelemetryServer:
    member = await join_fleet(core)
    jobs = start_jobs(core, member)
    compared, shadow = comparisons(core, jobs, engines_of(core))
    refresh_rollups(core)
    return TelemetryServer(
        core.settings,
        member.ingest,
        queries_of(core, shadow),
        core.registry,
        controller_of(core, member),
        jobs.jobs,
        compared,
        core.metrics,
        ping_primary=lambda: core.router.primary().ping(),
        results=kept_results(core),
        shares_port=is_worker,
    )
