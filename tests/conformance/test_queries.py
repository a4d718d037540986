"""Queries answer the same from every store."""

from __future__ import annotations

import math
from typing import Any

import pytest

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.errors import AggregateTypeError, InvalidTokenError, QueryTooLargeError
from iotflow_server.query.results import AggregateRow, Aggregation
from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.answers import comparable
from tests.conformance.reading import NewDevice, facts, pages, select
from tests.support.batches import MS, SECOND, T0, Json, batch, exact, listed, points_of

DAY = 86_400 * SECOND
COUNT = AggregateQuery((Aggregation.COUNT,))
NUMBERS = tuple(each for each in Aggregation if each.needs_numbers)


def fleet(device: int) -> Batch:
    return batch(
        device,
        [T0 + row * SECOND for row in range(9)],
        load=[None if row % 4 == 3 else row / 8 for row in range(9)],
        count=[2**53 + row for row in range(9)],
        state=["on", None, None, "off", None, None, None, None, ""],
        meta_line=[f"line {row}" if row % 2 else None for row in range(9)],
        meta_config=[Json('{"a": 1}'), None, None, None, None, None, None, None, Json("[]")],
        meta_quality_flag=[row if row > 5 else None for row in range(9)],
    )


def facts_of(row: int) -> tuple[Any, int]:
    """Metadata and quality of a row of the fleet."""
    config = {0: '{"a": 1}', 8: "[]"}.get(row)
    metadata: dict[str, Any] = {} if config is None else {"config": (Kind.JSON, exact(Kind.JSON, config))}
    if row % 2:
        metadata["line"] = (Kind.TEXT, f"line {row}")
    return metadata, row if row > 5 else 0


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 3, 22, 44, 1000])
async def test_pages_hold_all_points_in_order_with_their_metadata(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice, size: int, descending: bool
) -> None:
    batches = [fleet(new_device()), fleet(new_device())]
    await store.write(batches)
    found = await pages(engine, select(*(each.device_id for each in batches)), size, descending=descending)
    data = {key: value for key, value in points_of(batches).items() if not key[2].startswith("meta_")}
    assert [each for page in found for each in listed(page)] == sorted(data.items(), reverse=descending)
    assert [fact for page in found for fact in facts(page)] == [
        facts_of(row) for _, row in sorted(((key, (key[0] - T0) // SECOND) for key in data), reverse=descending)
    ]


async def test_a_full_last_page_has_no_next(store: TelemetryStore, engine: QueryEngine, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0, T0 + MS], a=[1, 2])])
    page = await engine.page(select(device), descending=False, page_size=2)
    assert (len(page.points), page.next_token, page.served_by) == (2, "", store.name)


async def test_the_page_size_may_change_and_the_filter_may_not(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice
) -> None:
    device = new_device()
    await store.write([batch(device, [T0 + row * MS for row in range(5)], a=list(range(5)))])
    first = await engine.page(select(device), descending=False, page_size=2)
    rest = await engine.page(select(device), descending=False, page_size=10, token=first.next_token)
    assert (rest.points.values, rest.next_token) == ([2, 3, 4], "")
    with pytest.raises(InvalidTokenError):
        await engine.page(select(device, measurements=("a",)), descending=False, page_size=2, token=first.next_token)


async def test_a_repeated_device_counts_once_and_an_unknown_one_as_nothing(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice
) -> None:
    device, unknown = new_device(), new_device()
    await store.write([batch(device, [T0], a=[1])])
    selection = select(device, unknown, device)
    assert (await engine.page(selection, descending=False, page_size=10)).points.values == [1]
    assert (await engine.latest(selection)).points.values == [1]
    assert [each.measurement for each in (await engine.series(selection.device_ids)).series] == ["a"]
    assert len((await engine.aggregate(selection, COUNT)).rows) == 1
    assert len((await engine.page(select(unknown), descending=False, page_size=10)).points) == 0
    assert (await engine.aggregate(select(unknown), AggregateQuery((Aggregation.MEAN,)))).rows == ()


@pytest.mark.parametrize("descending", [False, True])
async def test_a_stream_has_the_rows_that_hold_measured_values_and_their_metadata(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice, descending: bool
) -> None:
    device = new_device()
    await store.write(
        [batch(device, [T0, T0 + MS, T0 + 2 * MS], a=[1, None, 3], b=[None, 2, None], meta_m=[4, 5, None])]
    )
    served_by, batches = engine.stream(select(device, measurements=("a",)), descending=descending)
    assert served_by is store.name
    found = points_of([each async for each in batches])
    assert found == points_of([batch(device, [T0, T0 + 2 * MS], a=[1, 3], meta_m=[4, None])])


async def test_the_latest_points_carry_the_metadata_of_their_records_however_far_apart(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice
) -> None:
    device, other = new_device(), new_device()
    moments = [T0 + day * DAY for day in range(30)]
    await store.write(
        [
            batch(device, moments, b=list(range(30)), a=[0.5] + [None] * 29, meta_day=list(range(30))),
            batch(other, moments[5:6], a=[True], meta_quality_flag=[9]),
        ]
    )
    found = (await engine.latest(select(other, device))).points
    assert found.device_ids == [device, device, other]
    assert found.measurements == ["a", "b", "a"]
    assert facts(found) == [({"day": (Kind.INTEGER, 0)}, 0), ({"day": (Kind.INTEGER, 29)}, 0), ({}, 9)]


async def test_aggregates_by_windows_are_those_of_the_points_in_the_range(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice
) -> None:
    device = new_device()
    moments = [-3 * SECOND, -SECOND, 0, SECOND, 25 * SECOND, 26 * SECOND]
    await store.write([batch(device, moments, n=[1, 2, 3, 4, 5, 2**60], x=[0.1, 0.2, 0.3, -0.0, math.nan, math.inf])])
    selection = select(device, time_range=TimeRange(-2 * SECOND, 26 * SECOND))
    asked = (Aggregation.SUM, Aggregation.COUNT, Aggregation.LAST)
    table = await engine.aggregate(selection, AggregateQuery(asked, FixedWindows(10 * SECOND)))
    cells = [(row.measurement, row.window_start, row.window_end) for row in table.rows]
    windows = [(-10 * SECOND, 0), (0, 10 * SECOND), (20 * SECOND, 30 * SECOND)]
    assert cells == [(name, start, end) for name in ("n", "x") for start, end in windows]
    assert [row.values[0] for row in table.rows[:3]] == [(Kind.INTEGER, 2), (Kind.INTEGER, 7), (Kind.INTEGER, 5)]
    assert [comparable(row.values[2]) for row in table.rows[3:]] == [
        (Kind.NUMERIC, exact(Kind.NUMERIC, value)) for value in (0.2, -0.0, math.nan)
    ]


async def test_without_a_window_there_is_one_row_for_each_series(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice
) -> None:
    device = new_device()
    await store.write([batch(device, [T0 + row * MS for row in range(4)], n=[4, 1, 3, 2**53 + 1])])
    values = (
        (Kind.NUMERIC, 2251799813685250.25),
        (Kind.INTEGER, 2**53 + 9),
        (Kind.INTEGER, 4),
        (Kind.INTEGER, 1),
        (Kind.INTEGER, 2**53 + 1),
        (Kind.INTEGER, 4),
        (Kind.INTEGER, 2**53 + 1),
        (Kind.NUMERIC, 3.5),
        (Kind.NUMERIC, 4503599627370495.0),
        (Kind.INTEGER, 2**53),
        (Kind.NUMERIC, 3.002399751580331e18),
    )
    table = await engine.aggregate(select(device), AggregateQuery(tuple(Aggregation)))
    assert table.rows == (AggregateRow(device, "n", None, None, values),)
    bounded = await engine.aggregate(select(device, time_range=TimeRange(T0, T0 + DAY)), COUNT)
    assert bounded.rows == (AggregateRow(device, "n", T0, T0 + DAY, ((Kind.INTEGER, 4),)),)


@pytest.mark.parametrize("cell", ["x", True, Json("1")])
async def test_text_has_no_mean_but_a_first(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice, cell: Any
) -> None:
    device = new_device()
    await store.write([batch(device, [T0], value=[cell])])
    for aggregation in NUMBERS:
        with pytest.raises(AggregateTypeError, match=f"'value' of device {device}"):
            await engine.aggregate(select(device), AggregateQuery((aggregation,)))
    (row,) = (await engine.aggregate(select(device), AggregateQuery((Aggregation.FIRST,)))).rows
    assert points_of([batch(device, [T0], value=[cell])])[T0, device, "value"] == comparable(row.values[0])


async def test_what_is_too_large_is_refused_and_short_windows_over_few_points_are_not(
    store: TelemetryStore, new_device: NewDevice
) -> None:
    device = new_device()
    await store.write([batch(device, [T0 + row * DAY for row in range(10)], a=list(range(10)))])
    engine = QueryEngine(lambda: store, max_page_bytes=1 << 20, max_aggregate_points=10, max_aggregate_rows=10)
    short = AggregateQuery((Aggregation.MAX,), FixedWindows(MS))
    assert len((await engine.aggregate(select(device), short)).rows) == 10
    await store.write([batch(device, [T0 - DAY], a=[1])])
    with pytest.raises(QueryTooLargeError, match="more than 10 points"):
        await engine.aggregate(select(device), AggregateQuery((Aggregation.MAX,)))
    rows = QueryEngine(lambda: store, max_page_bytes=1 << 20, max_aggregate_points=11, max_aggregate_rows=10)
    with pytest.raises(QueryTooLargeError, match="more than 10 rows"):
        await rows.aggregate(select(device), short)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_of_long_texts_ends_early_and_the_next_one_goes_on(
    store: TelemetryStore, new_device: NewDevice, descending: bool
) -> None:
    device = new_device()
    texts = ["x" * 400, "y" * 400, "z" * 2_000, "", "é" * 300]
    await store.write([batch(device, [T0 + row * MS for row in range(5)], text=texts)])
    engine = QueryEngine(lambda: store, max_page_bytes=1_000, max_aggregate_points=10, max_aggregate_rows=10)
    found: list[Any] = []
    sizes, token = [], ""
    while True:
        page = await engine.page(select(device), descending=descending, page_size=4, token=token)
        found += page.points.values
        sizes.append(len(page.points.values))
        token = page.next_token
        if not token:
            break
    assert found == (texts[::-1] if descending else texts)
    assert sizes == [2, 1, 2]
