"""All that IoTDB holds, read in bulk by sessions of its own; implements stores.history.History."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.history import Extent, HistoryPage, Inventory, Part
from iotflow_server.stores.iotdb.clock import Window
from iotflow_server.stores.iotdb.conflicts import conflicts_of
from iotflow_server.stores.iotdb.counting import count_steps, measure_extent
from iotflow_server.stores.iotdb.inventory import is_carriable, take_inventory
from iotflow_server.stores.iotdb.names import Layout, quote
from iotflow_server.stores.iotdb.reading import Plan, make_plan, narrowed, to_batch
from iotflow_server.stores.iotdb.schema import DeviceSchema
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.sessions import Sessions
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import OwnerLookup

#: What a page holds at most, but for its last block; and the rows asked for at once, few where they may be long.
_PAGE_BYTES: Final = 1 << 20
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
        return await self._sessions.run(lambda session: measure_extent(session, self._plan(session, part)))

    async def counts(self, part: Part, step: int) -> list[tuple[int, int]]:
        """Return (start, points) of all steps of so many microseconds, from the part's start on, that hold points."""
        return await self._sessions.run(lambda session: count_steps(session, self._plan(session, part), step))

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
