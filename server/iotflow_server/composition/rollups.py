"""Starts the refresher of rollups that the settings ask for."""

from __future__ import annotations

from iotflow_server.composition.core import Core
from iotflow_server.rollups.refresher import Refresher
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.marks import LOOK_SECONDS


def refresh_rollups(core: Core) -> None:
    """Keep figures of hours up to date while reads come from PostgreSQL, until the stack is left."""
    if not core.settings.rollups:
        return

    def is_wanted() -> bool:
        return core.router.phase.reads_from(StoreName.POSTGRES)

    work, lag = core.postgres.rollup_work, core.settings.rollup_lag_seconds
    refresher = Refresher(work, is_wanted, lag, 2 * LOOK_SECONDS, core.metrics.rollups_refreshed)
    refresher.start()
    core.stack.push_async_callback(refresher.stop)
