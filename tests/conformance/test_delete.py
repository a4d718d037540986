"""A delete takes what was selected and nothing else, and what is written after it stays."""

from __future__ import annotations

import pytest

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import Scope, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, read, select
from tests.support.batches import MS, T0, Points, batch, points_of


def table(device: int) -> Batch:
    rows = list(range(8))
    return batch(
        device,
        [T0 + row * MS for row in rows],
        a=rows,
        b=[row / 2 for row in rows],
        meta_m=[str(row) if row % 2 else None for row in rows],
    )


def without(points: Points, selection: Selection) -> Points:
    """What a delete must leave."""

    def is_selected(key: tuple[int, int, str]) -> bool:
        if key[1] not in selection.device_ids or not selection.time_range.start <= key[0] < selection.time_range.end:
            return False
        if key[2].startswith("meta_"):
            return selection.scope is not Scope.DATA
        named = selection.measurements is None or key[2] in selection.measurements
        return named and selection.scope is not Scope.METADATA

    return {key: value for key, value in points.items() if not is_selected(key)}


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("measurements", [None, ("a",), ("b", "unknown"), ("meta_m",), ()])
@pytest.mark.parametrize(
    "time_range",
    [TimeRange(), TimeRange(T0 + 2 * MS, T0 + 5 * MS), TimeRange(T0 + 2 * MS + 1, T0 + 5 * MS - 1), TimeRange(T0, T0)],
    ids=["everything", "ticks", "between ticks", "nothing"],
)
async def test_a_delete_takes_what_is_selected(
    store: TelemetryStore,
    new_device: NewDevice,
    scope: Scope,
    measurements: tuple[str, ...] | None,
    time_range: TimeRange,
) -> None:
    device, bystander = new_device(), new_device()
    batches = [table(device), table(bystander)]
    await store.write(batches)
    selection = select(device, measurements=measurements, time_range=time_range, scope=scope)
    await store.delete(selection)
    assert points_of(await read(store, device, bystander)) == without(points_of(batches), selection)


async def test_several_devices_are_deleted_at_once(store: TelemetryStore, new_device: NewDevice) -> None:
    batches = [table(new_device()) for _ in range(3)]
    await store.write(batches)
    await store.delete(select(batches[0].device_id, batches[2].device_id, scope=Scope.BOTH))
    assert points_of(await read(store, *(each.device_id for each in batches))) == points_of([batches[1]])


async def test_what_is_written_after_a_delete_stays(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    for _ in range(3):
        await store.write([table(device)])
        await store.delete(select(device, scope=Scope.BOTH))
        assert await read(store, device) == []
    await store.write([table(device)])
    assert points_of(await read(store, device)) == points_of([table(device)])


async def test_what_does_not_exist_can_be_deleted(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.delete(select(device, scope=Scope.BOTH))
    await store.delete(select())
    await store.write([table(device)])
    await store.delete(select(device, measurements=("unknown",)))
    await store.delete(select(device, time_range=TimeRange(0, T0)))
    assert points_of(await read(store, device)) == points_of([table(device)])


async def test_the_oldest_and_the_newest_point_can_be_deleted(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [-62_135_596_800_000_000, -MS, 0, 10**16], a=[1, 2, 3, 4])])
    await store.delete(select(device, time_range=TimeRange(start=0)))
    assert {key[0] for key in points_of(await read(store, device))} == {-62_135_596_800_000_000, -MS}
    await store.delete(select(device, time_range=TimeRange(end=-MS)))
    assert {key[0] for key in points_of(await read(store, device))} == {-MS}


async def test_many_points_are_deleted(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    rows = list(range(15_000))
    await store.write([batch(device, [T0 + row * MS for row in rows], a=rows)])
    await store.delete(select(device, time_range=TimeRange(T0 + MS, T0 + 14_999 * MS)))
    assert {key[0] for key in points_of(await read(store, device))} == {T0, T0 + 14_999 * MS}
