"""Rollups that are refreshed when a test wants it, and answers without them."""

from __future__ import annotations

from contextlib import nullcontext

from iotflow_server.observability.timing import Timing
from iotflow_server.query.engine import QueryEngine
from iotflow_server.rollups.refresher import Refresher
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.store import PostgresStore

_HOUR = 3600.0


class WithoutRollups(ObservedStore):
    """A store of which points alone are read."""

    rollups = None


def refresher_of(store: PostgresStore, lag: float = _HOUR) -> Refresher:
    """A refresher that does nothing by itself."""
    return Refresher(store.rollup_work, lambda: True, lag, notice=0, show=lambda lag, marks, points: None)


async def refresh(store: PostgresStore) -> None:
    """Refresh all that is marked."""
    refresher = refresher_of(store)
    async with store.rollup_work() as work:
        await refresher.extend(work)
        while await refresher.refresh(work) is not None:
            pass


def engine_on(store: PostgresStore, *, rollups: bool = True, max_rows: int = 10**5) -> QueryEngine:
    """An engine that takes figures, or points alone."""
    read = (
        store
        if rollups
        else WithoutRollups(store, lambda name, operation: nullcontext(Timing()), lambda name, points: None)
    )
    return QueryEngine(lambda: read, max_page_bytes=1 << 20, max_aggregate_points=10**6, max_aggregate_rows=max_rows)
