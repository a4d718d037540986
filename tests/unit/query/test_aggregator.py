"""A scan is aggregated device by device, within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from iotflow_server.query.aggregator import Aggregator
from iotflow_server.query.errors import AggregateTypeError, QueryTooLargeError
from iotflow_server.query.results import AggregateRow, Aggregation
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.selection import TimeRange
from tests.support.batches import batch


async def scan(*batches: Batch) -> AsyncIterator[Batch]:
    for each in batches:
        yield each


async def rows(
    *batches: Batch,
    aggregations: Sequence[Aggregation] = (Aggregation.COUNT,),
    window_us: int | None = None,
    max_points: int = 10,
    max_rows: int = 10,
) -> tuple[AggregateRow, ...]:
    aggregator = Aggregator(aggregations, TimeRange(), window_us, max_points=max_points, max_rows=max_rows)
    return await aggregator.consume(scan(*batches))


async def test_rows_come_by_device_then_name_then_window_and_columns_as_asked() -> None:
    found = await rows(
        batch(1, [0, 5], b=[1, 2], a=[3.0, None]),
        batch(1, [10], b=[3]),
        batch(2, [-1], a=["x"]),
        aggregations=[Aggregation.LAST, Aggregation.COUNT],
        window_us=10,
    )
    assert found == (
        AggregateRow(1, "a", 0, 10, ((Kind.NUMERIC, 3.0), (Kind.INTEGER, 1))),
        AggregateRow(1, "b", 0, 10, ((Kind.INTEGER, 2), (Kind.INTEGER, 2))),
        AggregateRow(1, "b", 10, 20, ((Kind.INTEGER, 3), (Kind.INTEGER, 1))),
        AggregateRow(2, "a", -10, 0, ((Kind.TEXT, "x"), (Kind.INTEGER, 1))),
    )


async def test_no_points_make_no_rows() -> None:
    assert await rows() == ()


async def test_the_points_of_one_device_are_bounded_and_those_of_all_are_not() -> None:
    full = [batch(device, [0, 1, 2, 3], a=[1, 2, 3, 4], b=[1, 2, 3, 4]) for device in (1, 2)]
    assert len(await rows(*full, max_points=8)) == 4
    with pytest.raises(QueryTooLargeError, match="more than 7 points of device 1: narrow the range"):
        await rows(*full, max_points=7)


async def test_long_texts_are_bounded_too() -> None:
    with pytest.raises(QueryTooLargeError, match="bytes of device 1: narrow the range"):
        await rows(batch(1, [0], a=["x" * 10_000]), max_points=10)


async def test_more_rows_than_allowed_are_refused_before_they_are_computed() -> None:
    points = [batch(1, [0, 1], a=[1, 2]), batch(2, [0, 1], a=[3, 4])]
    assert len(await rows(*points, window_us=1, max_rows=4)) == 4
    with pytest.raises(QueryTooLargeError, match="more than 3 rows: ask for a longer window"):
        await rows(*points, window_us=1, max_rows=3)
    overflowing = batch(1, [0, 1, 10], a=[2**63 - 1, 1, 1])
    with pytest.raises(QueryTooLargeError):
        await rows(overflowing, aggregations=[Aggregation.SUM], window_us=10, max_rows=1)


async def test_a_kind_that_has_no_mean_is_refused_as_soon_as_it_is_seen() -> None:
    async def endless() -> AsyncIterator[Batch]:
        yield batch(1, [0], a=["x"])
        pytest.fail("read on")

    aggregator = Aggregator([Aggregation.MEAN], TimeRange(), None, max_points=10, max_rows=10)
    with pytest.raises(AggregateTypeError):
        await aggregator.consume(endless())
