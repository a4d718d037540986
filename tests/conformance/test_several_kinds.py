"""A series may hold several kinds in a store that does not fix a series' type."""

from __future__ import annotations

import pytest

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.errors import AggregateTypeError
from iotflow_server.query.results import Aggregation
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.store import SeriesInfo, SeriesType, TelemetryStore
from tests.conformance.reading import NewDevice, read, select
from tests.support.batches import MS, T0, Json, batch, points_of


@pytest.fixture(params=["postgres_store", "postgres15_store"], ids=["postgres-18", "postgres-15"])
def free_store(request: pytest.FixtureRequest) -> TelemetryStore:
    """Each such store in turn, open."""
    found: TelemetryStore = request.getfixturevalue(request.param)
    return found


def mixed(device: int) -> list[Batch]:
    cells = [2**53 + 1, 0.5, "text", True, Json('{"a": 1}')]
    return [batch(device, [T0 + row * MS], value=[cell]) for row, cell in enumerate(cells)]


async def test_each_point_keeps_its_kind(free_store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await free_store.write(mixed(device))
    assert points_of(await read(free_store, device)) == points_of(mixed(device))
    assert points_of(await free_store.page(select(device), limit=10)) == points_of(mixed(device))
    assert points_of(await free_store.latest(select(device))) == points_of(mixed(device)[-1:])
    assert list(await free_store.list_series([device])) == [SeriesInfo(device, "value", None, T0, T0 + 4 * MS)]
    assert dict(await free_store.series_types(device)) == {"value": SeriesType(None)}


async def test_a_value_of_another_kind_replaces_the_one_before(
    free_store: TelemetryStore, new_device: NewDevice
) -> None:
    device = new_device()
    for each in mixed(device):
        again = Batch(device, each.timestamps * 0 + T0, each.columns)
        await free_store.write([again])
        assert points_of(await read(free_store, device)) == points_of([again])
        assert points_of(await free_store.latest(select(device))) == points_of([again])


async def test_it_has_a_count_a_first_and_a_last_and_no_sum(free_store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await free_store.write(mixed(device))
    engine = QueryEngine(lambda: free_store, max_page_bytes=1 << 20, max_aggregate_points=100, max_aggregate_rows=100)
    asked = AggregateQuery((Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST))
    (row,) = (await engine.aggregate(select(device), asked)).rows
    assert row.values[:2] == ((Kind.INTEGER, 5), (Kind.INTEGER, 2**53 + 1))
    assert row.values[2] is not None
    assert row.values[2][0] is Kind.JSON
    with pytest.raises(AggregateTypeError):
        await engine.aggregate(select(device), AggregateQuery((Aggregation.SUM,)))


async def test_integers_and_doubles_of_one_series_are_added_up(
    free_store: TelemetryStore, new_device: NewDevice
) -> None:
    device = new_device()
    await free_store.write(mixed(device)[:2])
    engine = QueryEngine(lambda: free_store, max_page_bytes=1 << 20, max_aggregate_points=100, max_aggregate_rows=100)
    asked = AggregateQuery((Aggregation.SUM, Aggregation.MAX, Aggregation.FIRST))
    (row,) = (await engine.aggregate(select(device), asked)).rows
    assert row.values == ((Kind.NUMERIC, 2.0**53), (Kind.NUMERIC, 2.0**53), (Kind.INTEGER, 2**53 + 1))
