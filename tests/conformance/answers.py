"""Everything that can be asked of a store, in a form that == compares bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.errors import AggregateOverflowError, QueryTooLargeError
from iotflow_server.query.results import Aggregation, Cell
from iotflow_server.query.windows import Windowing
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.programs import NUMBERS
from tests.conformance.reading import facts, pages, read
from tests.support.batches import exact, listed, points_of

ANY_KIND = (Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST)


async def answers(store: TelemetryStore, selection: Selection, page_size: int, windows: Windowing) -> dict[str, Any]:
    """What a store answers to everything that can be asked about a selection."""
    engine = QueryEngine(lambda: store, max_page_bytes=1 << 20, max_aggregate_points=1_000, max_aggregate_rows=1_000)
    data = replace(selection, scope=Scope.DATA)
    latest = await engine.latest(data)
    found: dict[str, Any] = {
        "latest": listed(latest.points),
        "latest metadata": facts(latest.points),
        "series": (await engine.series(selection.device_ids)).series,
        "types": [await store.series_types(device) for device in selection.device_ids],
        "aggregates": await aggregates(engine, data, AggregateQuery(ANY_KIND, windows)),
        "numbers": await aggregates(
            engine, replace(data, measurements=NUMBERS), AggregateQuery(tuple(Aggregation), windows)
        ),
    }
    for descending in (False, True):
        for scope in Scope:
            whole = await read(
                store,
                *selection.device_ids,
                measurements=selection.measurements,
                time_range=selection.time_range,
                scope=scope,
                descending=descending,
            )
            found[f"scan {scope} {descending}"] = points_of(whole)
        found[f"pages {descending}"] = [
            (listed(page), facts(page)) for page in await pages(engine, data, page_size, descending=descending)
        ]
        _, stream = engine.stream(data, descending=descending)
        found[f"stream {descending}"] = points_of([each async for each in stream])
    return found


async def aggregates(engine: QueryEngine, selection: Selection, query: AggregateQuery) -> list[Any] | str:
    """The rows, values in a form that == compares bit for bit, or the error's message."""
    try:
        table = await engine.aggregate(selection, query)
    except (AggregateOverflowError, QueryTooLargeError) as error:
        return str(error)
    return [replace(row, values=tuple(map(comparable, row.values))) for row in table.rows]


def comparable(cell: Cell) -> Any:
    """A result in a form that == compares bit for bit."""
    return None if cell is None else (cell[0], exact(*cell))
