"""A scan yields all points of its selection in order, in batches of bounded size."""

from __future__ import annotations

import pytest

from iotflow_server.stores.batch import Batch, is_metadata
from iotflow_server.stores.selection import Scope, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, read, select
from tests.support.batches import MS, T0, batch, points_of

MANY = 25_000


def few(device: int) -> Batch:
    return batch(
        device,
        [T0 + row * MS for row in range(6)],
        a=[0, 1, 2, 3, 4, 5],
        b=["p", None, None, "q", None, None],
        meta_m=[1.5, None, 2.5, None, None, 3.5],
    )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("start", "end"), [(0, 6), (0, 5), (1, 6), (2, 4), (3, 4), (3, 3), (-5, 0), (6, 9)])
async def test_a_range_is_half_open(
    store: TelemetryStore, new_device: NewDevice, start: int, end: int, descending: bool
) -> None:
    device = new_device()
    whole = few(device)
    await store.write([whole])
    bounds = TimeRange(T0 + start * MS, T0 + end * MS)
    found = points_of(await read(store, device, time_range=bounds, descending=descending))
    assert found == {key: value for key, value in points_of([whole]).items() if bounds.start <= key[0] < bounds.end}


@pytest.mark.parametrize("descending", [False, True])
async def test_bounds_between_two_ticks_of_a_store_mean_what_they_say(
    store: TelemetryStore, new_device: NewDevice, descending: bool
) -> None:
    device = new_device()
    whole = few(device)
    await store.write([whole])
    for start, end in [(T0 + 1, T0 + 2 * MS + 1), (T0 - 1, T0 + 2 * MS - 1), (T0 + 1, T0 + MS - 1)]:
        found = points_of(await read(store, device, time_range=TimeRange(start, end), descending=descending))
        assert found == {key: value for key, value in points_of([whole]).items() if start <= key[0] < end}


async def test_scope_tells_data_from_metadata(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([few(device)])
    data = points_of(await read(store, device, scope=Scope.DATA))
    metadata = points_of(await read(store, device, scope=Scope.METADATA))
    assert {key[2] for key in data} == {"a", "b"}
    assert {key[2] for key in metadata} == {"meta_m"}
    assert points_of(await read(store, device, scope=Scope.BOTH)) == data | metadata == points_of([few(device)])


async def test_measurements_restrict_data_and_never_metadata(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([few(device)])
    both = points_of(await read(store, device, measurements=("b", "unknown")))
    assert both == {key: value for key, value in points_of([few(device)]).items() if key[2] != "a"}
    assert await read(store, device, measurements=("meta_m",), scope=Scope.DATA) == []
    assert await read(store, device, measurements=(), scope=Scope.DATA) == []
    metadata = points_of(await read(store, device, measurements=(), scope=Scope.METADATA))
    assert {key[2] for key in metadata} == {"meta_m"}


async def test_what_is_unknown_is_nothing(store: TelemetryStore, new_device: NewDevice) -> None:
    known, unknown = new_device(), new_device()
    await store.write([few(known)])
    assert await read(store, unknown) == []
    assert await read(store) == []
    assert await read(store, known, measurements=("nothing",), scope=Scope.DATA) == []
    assert points_of(await read(store, unknown, known)) == points_of([few(known)])


async def test_devices_ascend_in_whichever_order_they_are_asked_for(
    store: TelemetryStore, new_device: NewDevice
) -> None:
    devices = [new_device() for _ in range(5)]
    await store.write([few(device) for device in devices])
    for descending in (False, True):
        found = await read(store, *devices[::-1], descending=descending)
        assert points_of(found) == points_of(map(few, devices))


@pytest.mark.parametrize("descending", [False, True])
async def test_long_series_are_continued_without_loss_or_repetition(
    store: TelemetryStore, new_device: NewDevice, descending: bool
) -> None:
    device, other = new_device(), new_device()
    whole = batch(
        device,
        [T0 + row * MS for row in range(MANY)],
        dense=[float(row) for row in range(MANY)],
        sparse=[row if row % 3 == 0 else None for row in range(MANY)],
        tail=[None if row < MANY - 2_000 else f"{row}" for row in range(MANY)],
        meta_m=[row if row % 5 == 0 else None for row in range(MANY)],
    )
    await store.write([whole, few(other)])
    found = await read(store, device, other, descending=descending)
    assert len(found) > 2
    assert points_of(found) == points_of([whole, few(other)])


async def test_a_rows_metadata_is_in_the_batch_of_its_data(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    rows = list(range(MANY))
    await store.write([batch(device, [T0 + row * MS for row in rows], load=rows, meta_m=rows, meta_n=["x"] * MANY)])
    for found in await read(store, device):
        assert {is_metadata(column.name) for column in found.columns} == {True, False}
        assert all(len(column) == len(found.timestamps) for column in found.columns)


async def test_a_scan_may_be_left_early_and_the_store_serves_on(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0 + row * MS for row in range(MANY)], load=list(range(MANY)))])
    for _ in range(25):
        async for found in store.scan(select(device)):
            assert found.device_id == device
            break
    await store.ping()
    assert len(points_of(await read(store, device))) == MANY
