"""All that IoTDB holds, read in bulk by sessions of its own; implements stores.history.History."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

import numpy as np

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.history import Extent, HistoryFault, HistoryPage, Inventory, Part
from iotflow_server.stores.iotdb.clock import Clock, Window
from iotflow_server.stores.iotdb.conflicts import conflicts_of
from iotflow_server.stores.iotdb.inventory import is_carriable, take_inventory
from iotflow_server.stores.iotdb.names import Layout, quote
from iotflow_server.stores.iotdb.reading import Plan, columns_of, make_plan, narrowed, to_batch
from iotflow_server.stores.iotdb.schema import DeviceSchema
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.sessions import Sessions
from iotflow_server.stores.selection import MIN_TIMESTAMP, Scope, Selection, TimeRange
from iotflow_server.stores.store import OwnerLookup

#: What a page holds at most, but for its last block; and the rows asked for at once, few where they may be long.
_PAGE_BYTES: Final = 8 << 20
_ROWS_PER_FETCH: Final = 20_000
_TEXT_ROWS_PER_FETCH: Final = 2_000
#: Bulk answers take their time.
_TIMEOUT_SECONDS: Final = 120.0


class IotdbHistory:
    """Reads whatever the layouts, by precedence of places; see IotdbStore."""

    def __init__(self, settings: IotdbSettings, owner_of: OwnerLookup, sessions: int) -> None:
        self._layout = Layout(settings.database)
        self._owner_of = owner_of
        timeout = max(settings.timeout_seconds, _TIMEOUT_SECONDS)
        self._sessions = Sessions(settings.model_copy(update={"pool_size": sessions, "timeout_seconds": timeout}))

    async def inventory(self) -> Inventory:
        """Return what there is."""
        return await self._sessions.run(lambda session: take_inventory(session, self._layout))

    async def extent(self, part: Part) -> Extent:
        """Count the points of a part, where they lie."""
        return await self._sessions.run(lambda session: _extent(session, self._plan(session, part)))

    async def counts(self, part: Part, step: int) -> list[tuple[int, int]]:
        """Return (start, points) of all steps of so many microseconds, from the part's start on, that hold points."""
        return await self._sessions.run(lambda session: _counts(session, self._plan(session, part), step))

    async def pages(self, part: Part) -> AsyncIterator[HistoryPage]:
        """Yield a part's points in order of time, in pages of bounded size."""
        reading = _Reading(lambda session: self._plan(session, part))
        while not reading.finished:
            page = await self._sessions.run(reading.next_page)
            if page is not None:
                yield page

    def close(self) -> None:
        """Let go of all connections."""
        self._sessions.close()

    def _plan(self, session: Session, part: Part) -> Plan | None:
        selection = Selection((part.device_id,), part.measurements, part.time_range, Scope.BOTH)
        plan = make_plan(session, self._layout, part.device_id, self._owner_of(part.device_id), selection)
        return None if plan is None else _carriable(session, plan)


class _Reading:
    """The pages of one part. Harmless to repeat where a step fails."""

    def __init__(self, make: Callable[[Session], Plan | None]) -> None:
        self._make = make
        self._plan: Plan | None = None
        self.finished = False

    def next_page(self, session: Session) -> HistoryPage | None:
        """The next page; None where there is none."""
        plan = self._plan or self._make(session)
        if plan is None:
            self.finished = True
            return None
        rows = _TEXT_ROWS_PER_FETCH if plan.holds_text else _ROWS_PER_FETCH
        sql = plan.sql(map(quote, plan.names), plan.window, "ORDER BY TIME ASC")
        answer, is_all = session.query_within(sql, _PAGE_BYTES, rows)
        batch = to_batch(plan, answer)
        self.finished = is_all or batch is None
        if batch is None:
            return None
        after = int(batch.timestamps[-1]) // plan.clock.microseconds + 1
        self._plan = replace(plan, window=Window(after, plan.window.last))
        return HistoryPage(batch, conflicts_of(plan, answer))


def _carriable(session: Session, plan: Plan) -> Plan | None:
    """The plan without what cannot be carried, from where its points begin; None if nothing is left."""
    schema: DeviceSchema = {
        place: {name: one for name, one in series.items() if is_carriable(name)}
        for place, series in plan.schema.items()
    }
    return narrowed(session, replace(plan, schema=schema)) if any(schema.values()) else None


def _extent(session: Session, plan: Plan | None) -> Extent:
    if plan is None:
        return Extent(0, None)
    asked = [f"{function}({quote(name)})" for name in plan.names for function in ("count", "min_time", "max_time")]
    points, moments, empty = 0, list[int](), list[str]()
    for function, path, raw in columns_of(session.query(plan.sql(asked, plan.window))):
        if function != "count":
            moments += raw.values.tolist()
        elif count := int(raw.values.sum()):
            points += count
        else:
            empty.append(path)
    faults = [
        HistoryFault("EMPTY_SERIES", path, "it holds no points in this range", plan.device_id, is_harmless=True)
        for path in empty
    ]
    tick = plan.clock.microseconds
    span = TimeRange(min(moments) * tick, (max(moments) + 1) * tick) if moments else None
    return Extent(points, span, [*faults, *_too_early(session, plan)])


def _too_early(session: Session, plan: Plan) -> list[HistoryFault]:
    """Points before the year 1, which nothing but IoTDB can hold."""
    first = plan.clock.window(TimeRange(MIN_TIMESTAMP)).first
    if plan.window.first > first:
        return []
    sql = f"SELECT {{}} FROM {', '.join(map(plan.layout.path, plan.places))} WHERE time < {first}"
    answer = session.query(sql.format(", ".join(f"count({quote(name)})" for name in plan.names)))
    detail = "points before the year 1, which PostgreSQL's users and Python cannot name"
    return [
        HistoryFault("UNCARRIABLE_TIME", path, detail, plan.device_id, int(raw.values.sum()))
        for _, path, raw in columns_of(answer)
        if raw.values.any()
    ]


def _counts(session: Session, plan: Plan | None, step: int) -> list[tuple[int, int]]:
    if plan is None:
        return []
    clock: Clock = plan.clock
    first, last = plan.bounds
    ticks = max(step // clock.microseconds, 1)
    sources = ", ".join(map(plan.layout.path, plan.places))
    counted = ", ".join(f"count({quote(name)})" for name in plan.names)
    grouping = f"GROUP BY ([{first}, {last + 1}), {ticks}{_UNITS[clock.microseconds]})"
    found: dict[int, int] = {}
    answer = session.query(f"SELECT {counted} FROM {sources} {grouping}")
    for block in answer.blocks:
        for column in block.columns:
            for row, count in zip(column.rows.tolist(), column.values.tolist(), strict=True):
                found[int(block.times[row])] = found.get(int(block.times[row]), 0) + count
    starts = np.array(sorted(start for start, count in found.items() if count), np.int64)
    return [(int(start) * clock.microseconds, found[int(start)]) for start in starts]


_UNITS: Final = {1000: "ms", 1: "us"}
