"""A scan is aggregated device by device, within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.errors import AggregateTypeError, QueryTooLargeError
from iotflow_server.query.fill import Fill
from iotflow_server.query.results import AggregateRow, Aggregation
from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.selection import TimeRange
from tests.support.batches import Json, batch

TENS = FixedWindows(10)
FIFTY = TimeRange(0, 50)


async def scan(*batches: Batch) -> AsyncIterator[Batch]:
    for each in batches:
        yield each


async def rows(
    *batches: Batch,
    wanted: tuple[Aggregation, ...] = (Aggregation.COUNT,),
    time_range: TimeRange = FIFTY,
    max_points: int = 10,
    max_rows: int = 10,
    **query: Any,
) -> tuple[AggregateRow, ...]:
    asked = AggregateQuery(wanted, **query)
    found = await Aggregator(asked, time_range, max_points=max_points, max_rows=max_rows).consume(scan(*batches))
    return tuple(row for part in found for row in part)


def starts(found: tuple[AggregateRow, ...]) -> list[int | None]:
    return [row.window_start for row in found]


async def test_rows_come_by_device_then_name_then_window_and_columns_as_asked() -> None:
    found = await rows(
        batch(1, [0, 5], b=[1, 2], a=[3.0, None]),
        batch(1, [10], b=[3]),
        batch(2, [-1], a=["x"]),
        wanted=(Aggregation.LAST, Aggregation.COUNT),
        windowing=TENS,
    )
    assert found == (
        AggregateRow(1, "a", 0, 10, ((Kind.NUMERIC, 3.0), (Kind.INTEGER, 1))),
        AggregateRow(1, "b", 0, 10, ((Kind.INTEGER, 2), (Kind.INTEGER, 2))),
        AggregateRow(1, "b", 10, 20, ((Kind.INTEGER, 3), (Kind.INTEGER, 1))),
        AggregateRow(2, "a", -10, 0, ((Kind.TEXT, "x"), (Kind.INTEGER, 1))),
    )


async def test_no_points_make_no_rows() -> None:
    assert await rows() == ()
    assert await rows(batch(1, [0], meta_quality_flag=[1]), quality=frozenset({1})) == ()


async def test_filling_makes_a_row_of_every_window_in_the_range() -> None:
    found = await rows(
        batch(1, [12, 35], a=[1, 4]), wanted=(Aggregation.MAX, Aggregation.COUNT), windowing=TENS, fill=Fill.PREVIOUS
    )
    assert starts(found) == [0, 10, 20, 30, 40]
    assert [row.is_filled for row in found] == [True, False, True, False, True]
    assert [(cell and cell[1]) for cell, _ in (row.values for row in found)] == [None, 1, 1, 4, 4]
    assert [count for _, count in (row.values for row in found)] == [(Kind.INTEGER, n) for n in (0, 1, 0, 1, 0)]


async def test_the_newest_windows_come_first_where_asked_and_are_limited() -> None:
    points = batch(1, [2, 12, 35], a=[1, 2, 4], b=[1, None, None])
    found = await rows(points, windowing=TENS, descending=True, max_windows=2)
    assert [(row.measurement, row.window_start) for row in found] == [("a", 30), ("a", 10), ("b", 0)]
    assert starts(await rows(points, windowing=TENS, descending=True, max_windows=2, fill=Fill.NULL)) == [40, 30] * 2


async def test_only_records_of_a_quality_count() -> None:
    points = batch(1, [0, 1, 2], a=[1, 2, 3], b=["x", None, None], meta_quality_flag=[None, 7, 8], meta_m=["x"] * 3)
    (row,) = await rows(points, wanted=(Aggregation.SUM,), quality=frozenset({7, 8}))
    assert (row.measurement, row.values) == ("a", ((Kind.INTEGER, 5),))


async def test_the_points_of_one_device_are_bounded_and_those_of_all_are_not() -> None:
    full = [batch(device, [0, 1, 2, 3], a=[1, 2, 3, 4], b=[1, 2, 3, 4]) for device in (1, 2)]
    assert len(await rows(*full, max_points=8)) == 4
    with pytest.raises(QueryTooLargeError, match=r"more than 7 points of device 1 .*: narrow the range"):
        await rows(*full, max_points=7)


async def test_long_texts_are_bounded_too() -> None:
    with pytest.raises(QueryTooLargeError, match=r"bytes of device 1 .*: narrow the range"):
        await rows(batch(1, [0], a=["x" * 10_000]), max_points=10)


async def test_more_rows_than_allowed_are_refused_before_they_are_computed() -> None:
    points = [batch(1, [0, 1], a=[1, 2]), batch(2, [0, 1], a=[3, 4])]
    assert len(await rows(*points, windowing=FixedWindows(1), max_rows=4)) == 4
    with pytest.raises(QueryTooLargeError, match=r"more than 3 rows .*: ask for a longer window"):
        await rows(*points, windowing=FixedWindows(1), max_rows=3)
    overflowing = batch(1, [0, 1, 10], a=[2**63 - 1, 1, 1])
    with pytest.raises(QueryTooLargeError):
        await rows(overflowing, wanted=(Aggregation.SUM,), windowing=TENS, max_rows=1)


async def test_a_limit_of_windows_makes_room_for_more_series() -> None:
    points = [batch(1, [0, 1], a=[1, 2]), batch(2, [0, 1], a=[3, 4])]
    assert len(await rows(*points, windowing=FixedWindows(1), max_rows=2, max_windows=1)) == 2


async def test_filling_too_many_windows_is_refused_before_anything_is_read() -> None:
    with pytest.raises(QueryTooLargeError, match="more than 4 rows"):
        Aggregator(AggregateQuery((Aggregation.MAX,), TENS, Fill.NULL), FIFTY, max_points=1, max_rows=4)


@pytest.mark.parametrize("wanted", [each for each in Aggregation if each.needs_numbers])
@pytest.mark.parametrize("cell", ["x", True, Json("1")])
async def test_what_needs_numbers_refuses_other_kinds_naming_the_series(cell: Any, wanted: Aggregation) -> None:
    async def endless() -> AsyncIterator[Batch]:
        yield batch(1, [0], load=[cell])
        pytest.fail("read on")

    aggregator = Aggregator(AggregateQuery((wanted,)), TimeRange(), max_points=10, max_rows=10)
    kind = {str: "TEXT", bool: "BOOLEAN", Json: "JSON"}[type(cell)]
    with pytest.raises(AggregateTypeError, match=f"{wanted.name} needs numbers, .* 'load' of device 1 holds {kind} "):
        await aggregator.consume(endless())


async def test_a_line_needs_numbers_too() -> None:
    for wanted in (Aggregation.FIRST, Aggregation.LAST):
        with pytest.raises(AggregateTypeError, match=f"{wanted.name} with FILL_LINEAR needs numbers"):
            await rows(batch(1, [0], a=["x"]), wanted=(wanted,), windowing=TENS, fill=Fill.LINEAR)
    assert len(await rows(batch(1, [0], a=["x"]), windowing=TENS, fill=Fill.LINEAR)) == 5
