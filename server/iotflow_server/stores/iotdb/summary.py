"""The first and the last point of each series, by IoTDB's own exact functions.

SELECT LAST is not one of them: it gives every value as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.paging import join_batches
from iotflow_server.stores.iotdb.reading import Plan, columns_of, narrowed
from iotflow_server.stores.iotdb.schema import Series
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.values import kinds_of
from iotflow_server.stores.store import SeriesInfo, Width


@dataclass(frozen=True, slots=True, eq=False)
class _Extent:
    """The ticks of a series' first and last point at one place, and the last one's value."""

    series: Series
    rank: int
    first: int
    last: int
    value: NDArray[Any]
    count: int | None

    @property
    def kind(self) -> Kind | None:
        if self.series.type.width is Width.BY_CONTENT:
            return self.latest()[0]
        return self.series.type.kind

    def latest(self) -> tuple[Kind, NDArray[Any]]:
        ((kind, _, values),) = kinds_of(self.series, np.zeros(1, np.intp), self.value)
        return kind, values


def latest_points(session: Session, plan: Plan) -> Batch | None:
    """Return the latest point of each series, None if there are none."""
    plan_of_points = narrowed(session, plan)
    if plan_of_points is None:
        return None
    points = [_point(plan, extents) for extents in _extents(session, plan_of_points)]
    return join_batches(plan.device_id, points) if points else None


def _point(plan: Plan, extents: list[_Extent]) -> Batch:
    newest = max(extents, key=lambda extent: (extent.last, -extent.rank))
    kind, values = newest.latest()
    timestamps = plan.clock.timestamps(np.array([newest.last], np.int64))
    return Batch(plan.device_id, timestamps, (Column(newest.series.name, kind, values),))


def series_infos(session: Session, plan: Plan, *, count_points: bool) -> Iterator[SeriesInfo]:
    """Yield the series that hold points, by name; not counted where one stands in several places."""
    for extents in _extents(session, plan, *(["count"] if count_points else [])):
        kinds = {extent.kind for extent in extents}
        first = min(extent.first for extent in extents) * plan.clock.microseconds
        last = max(extent.last for extent in extents) * plan.clock.microseconds
        name = extents[0].series.name
        # Places may hold the same point.
        count = extents[0].count if len(extents) == 1 else None
        yield SeriesInfo(plan.device_id, name, kinds.pop() if len(kinds) == 1 else None, first, last, count)


def _extents(session: Session, plan: Plan, *further: str) -> Iterator[list[_Extent]]:
    """Yield, for each name in order, its extent at each place where it holds points."""
    asked = ("min_time", "max_time", "last_value", *further)
    functions = [f"{function}({quote(name)})" for name in plan.names for function in asked]
    found: dict[str, list[_Extent]] = {}
    columns: dict[tuple[int, str], tuple[Series, dict[str, NDArray[Any]]]] = {}
    for function, path, raw in columns_of(session.query(plan.sql(functions, plan.window))):
        at = plan.series_at(path)
        if at is not None and len(raw.values):
            rank, series = at
            columns.setdefault((rank, series.name), (series, {}))[1][function] = raw.values
    for (rank, name), (series, values) in sorted(columns.items(), key=lambda item: item[0]):
        if "last_value" in values:
            found.setdefault(name, []).append(_extent(series, rank, values))
    for name in sorted(found):
        yield found[name]


def _extent(series: Series, rank: int, values: Mapping[str, NDArray[Any]]) -> _Extent:
    first, last = (int(values[function][0]) for function in ("min_time", "max_time"))
    count = int(values["count"][0]) if "count" in values else None
    return _Extent(series, rank, first, last, values["last_value"], count)
