"""The latest point is the one with the greatest timestamp, whatever came in last."""

from __future__ import annotations

from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, read, select
from tests.support.batches import MS, T0, batch, check_shape, points_of


async def test_each_series_has_its_own_latest_point(store: TelemetryStore, new_device: NewDevice) -> None:
    first, second = new_device(), new_device()
    await store.write([batch(first, [T0, T0 + MS, T0 + 2 * MS], a=[1, 2, None], b=["x", None, "z"], meta_m=[1, 2, 3])])
    await store.write([batch(first, [T0 - MS], a=[0]), batch(second, [T0], a=[1.5])])
    found = await store.latest(select(second, first))
    for each in found:
        check_shape(each)
    assert [each.device_id for each in found] == [first, second]
    assert points_of(found) == points_of(
        [batch(first, [T0 + MS, T0 + 2 * MS], a=[2, None], b=[None, "z"]), batch(second, [T0], a=[1.5])]
    )


async def test_it_keeps_to_the_range_and_the_measurements(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    rows = list(range(10))
    await store.write([batch(device, [T0 + row * MS for row in rows], a=rows, b=rows, c=[0] + [None] * 9)])
    bounds = TimeRange(T0 + MS, T0 + 7 * MS)
    found = await store.latest(select(device, measurements=("a", "c", "x"), time_range=bounds))
    assert points_of(found) == points_of([batch(device, [T0 + 6 * MS], a=[6])])


async def test_it_follows_deletes_and_overwrites(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0, T0 + MS], a=[1, 2])])
    await store.write([batch(device, [T0 + MS], a=[3])])
    assert points_of(await store.latest(select(device))) == points_of([batch(device, [T0 + MS], a=[3])])
    await store.delete(select(device, time_range=TimeRange(T0 + MS, T0 + 2 * MS)))
    assert points_of(await store.latest(select(device))) == points_of([batch(device, [T0], a=[1])])
    await store.delete(select(device))
    assert list(await store.latest(select(device))) == []


async def test_before_1970_and_after_2200_are_latest_too(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    written = batch(device, [-(10**15), 8 * 10**15], old=[1, None], new=[None, 2])
    await store.write([written])
    assert points_of(await store.latest(select(device))) == points_of([written])


async def test_the_unknown_has_none(store: TelemetryStore, new_device: NewDevice) -> None:
    known = new_device()
    await store.write([batch(known, [T0], a=[1], meta_m=[1])])
    assert list(await store.latest(select())) == []
    assert list(await store.latest(select(new_device()))) == []
    assert list(await store.latest(select(known, measurements=("x",)))) == []
    assert list(await store.latest(select(known, measurements=()))) == []
    assert points_of(await read(store, known)) == points_of([batch(known, [T0], a=[1], meta_m=[1])])
