"""The last write of a point wins; what a write does not name stays."""

from __future__ import annotations

import asyncio

from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, read
from tests.support.batches import MS, T0, batch, points_of


async def test_the_last_write_wins(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0, T0 + MS], a=[1, 2], b=["x", "y"], meta_m=[1, 2])])
    await store.write([batch(device, [T0 + MS], a=[3], b=[""], meta_m=[4])])
    assert points_of(await read(store, device)) == points_of(
        [batch(device, [T0, T0 + MS], a=[1, 3], b=["x", ""], meta_m=[1, 4])]
    )


async def test_a_later_batch_of_one_call_wins(store: TelemetryStore, new_device: NewDevice) -> None:
    device, other = new_device(), new_device()
    await store.write(
        [
            batch(device, [T0, T0 + MS], a=[1, 2], meta_m=["1", "2"]),
            batch(other, [T0], a=[10]),
            batch(device, [T0 + MS, T0 + 2 * MS], a=[3, 4], meta_m=["3", None]),
            batch(device, [T0 + MS], a=[5]),
        ]
    )
    expected = batch(device, [T0, T0 + MS, T0 + 2 * MS], a=[1, 5, 4], meta_m=["1", "3", None])
    assert points_of(await read(store, device)) == points_of([expected])
    assert points_of(await read(store, other)) == points_of([batch(other, [T0], a=[10])])


async def test_other_cells_of_the_row_survive(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0, T0 + MS], a=[1, 2], b=[1.5, 2.5], meta_m=[True, False], meta_n=["x", "y"])])
    await store.write([batch(device, [T0, T0 + MS], b=[None, -0.0], c=["new", None], meta_n=["z", None])])
    expected = batch(
        device,
        [T0, T0 + MS],
        a=[1, 2],
        b=[1.5, -0.0],
        c=["new", None],
        meta_m=[True, False],
        meta_n=["z", "y"],
    )
    assert points_of(await read(store, device)) == points_of([expected])


async def test_the_same_write_again_changes_nothing(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    written = batch(device, [T0, T0 + MS], a=[1.5, None], b=["x", "y"], meta_m=[1, None])
    for _ in range(3):
        await store.write([written])
    assert points_of(await read(store, device)) == points_of([written])


async def test_points_may_come_out_of_order(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    parts = [batch(device, [T0 + row * MS for row in range(at, at + 300, 3)], a=[at] * 100) for at in (2, 0, 1)]
    for part in parts:
        await store.write([part])
    assert points_of(await read(store, device)) == points_of(parts)


async def test_metadata_may_come_before_after_and_without_data(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0, T0 + MS], meta_m=[1, 2])])
    await store.write([batch(device, [T0], a=[1.5])])
    await store.write([batch(device, [T0], meta_n=["late"])])
    expected = batch(device, [T0, T0 + MS], a=[1.5, None], meta_m=[1, 2], meta_n=["late", None])
    assert points_of(await read(store, device)) == points_of([expected])


async def test_nothing_to_write_is_no_error(store: TelemetryStore, new_device: NewDevice) -> None:
    await store.write([])
    assert await read(store, new_device()) == []


async def test_devices_may_be_written_at_once(store: TelemetryStore, new_device: NewDevice) -> None:
    batches = [
        batch(
            new_device(), [T0 + row * MS for row in range(200)], load=[row / 7 for row in range(200)], n=[index] * 200
        )
        for index in range(12)
    ]
    await asyncio.gather(*(store.write([each]) for each in batches))
    assert points_of(await read(store, *(each.device_id for each in batches))) == points_of(batches)


async def test_many_devices_fit_in_one_call(store: TelemetryStore, new_device: NewDevice) -> None:
    batches = [batch(new_device(), [T0], load=[index]) for index in range(50)]
    await store.write(batches)
    assert points_of(await read(store, *(each.device_id for each in batches))) == points_of(batches)
