"""Builds what answers queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from iotflow_server.composition.core import Core
from iotflow_server.config import Settings
from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.observed import ObservedQueries
from iotflow_server.shadow.queries import ShadowedQueries
from iotflow_server.shadow.shadow_reads import ShadowReads
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import TelemetryStore


def queries_of(core: Core, shadow: ShadowReads) -> ObservedQueries:
    """Answers callers from the store that reads come from."""
    return ObservedQueries(ShadowedQueries(_engine(core.settings, core.router.primary), shadow), core.metrics.read_took)


def engines_of(core: Core) -> Mapping[StoreName, ObservedQueries]:
    """One for each store, which answers from it alone."""
    engines = {name: _engine(core.settings, partial(_self, store)) for name, store in core.stores.items()}
    return {name: ObservedQueries(engine, core.metrics.read_took) for name, engine in engines.items()}


def _engine(settings: Settings, store: Callable[[], TelemetryStore]) -> QueryEngine:
    return QueryEngine(
        store,
        max_page_bytes=settings.max_page_bytes,
        max_aggregate_points=settings.max_aggregate_points,
        max_aggregate_rows=settings.max_aggregate_rows,
    )


def _self(store: TelemetryStore) -> TelemetryStore:
    return store
