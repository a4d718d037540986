"""Starts the refresher that the settings ask for."""

from __future__ import annotations

from contextlib import AsyncExitStack

from iotflow_server.config import Settings
from iotflow_server.observability.metrics import Metrics
from iotflow_server.rollups.refresher import Refresher
from iotflow_server.routing.router import Router
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.marks import LOOK_SECONDS
from iotflow_server.stores.postgres.store import PostgresStore


def refresh_rollups(
    settings: Settings, postgres: PostgresStore, router: Router, metrics: Metrics, stack: AsyncExitStack
) -> None:
    """Keep figures of hours up to date while reads come from PostgreSQL, until the stack is left."""
    if not settings.rollups:
        return

    def is_wanted() -> bool:
        return router.phase.reads_from(StoreName.POSTGRES)

    refresher = Refresher(
        postgres.rollup_work, is_wanted, settings.rollup_lag_seconds, 2 * LOOK_SECONDS, metrics.rollups_refreshed
    )
    refresher.start()
    stack.push_async_callback(refresher.stop)
