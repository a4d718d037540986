"""Pages walk all points exactly once in the order (timestamp, device_id, measurement)."""

from __future__ import annotations

import pytest

from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import PointKey, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, select
from tests.support.batches import MS, T0, batch_of, check_shape, points_of

# By code point, which is neither the order of a language nor that of UTF-16.
NAMES = ["B", "a", "b", "é", "\uffff", "😀"]


def table(device: int, shift: int = 0) -> Batch:
    """Every third cell of a row is missing, another in each."""
    moments = [T0 + row * MS for row in range(7)]
    return batch_of(
        device,
        moments,
        {
            name: [None if (row + column + shift) % 3 == 0 else row * 10 + column for row in range(7)]
            for column, name in enumerate(NAMES)
        },
    )


async def walk(store: TelemetryStore, selection: Selection, limit: int, *, descending: bool) -> list[PointKey]:
    """The keys of all points, page by page."""
    keys: list[PointKey] = []
    while True:
        found = await store.page(selection, limit=limit, descending=descending, after=keys[-1] if keys else None)
        for each in found:
            check_shape(each)
        devices = [each.device_id for each in found]
        assert devices == sorted(set(devices))
        page = sorted((PointKey(*key) for key in points_of(found)), reverse=descending)
        keys += page
        if len(page) < limit:
            return keys
        assert len(page) == limit


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 5, 7, 1000])
async def test_pages_hold_every_point_once_in_order(
    store: TelemetryStore, new_device: NewDevice, limit: int, descending: bool
) -> None:
    batches = [table(new_device(), shift) for shift in range(3)]
    await store.write(batches)
    selection = select(*(each.device_id for each in batches))
    found = await walk(store, selection, limit, descending=descending)
    assert found == sorted((PointKey(*key) for key in points_of(batches)), reverse=descending)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_keeps_to_the_range_and_the_measurements(
    store: TelemetryStore, new_device: NewDevice, descending: bool
) -> None:
    device = new_device()
    await store.write([table(device)])
    names, bounds = ("a", "😀", "unknown"), TimeRange(T0 + MS, T0 + 5 * MS)
    found = await walk(store, select(device, measurements=names, time_range=bounds), 2, descending=descending)
    expected = [key for key in points_of([table(device)]) if bounds.start <= key[0] < bounds.end and key[2] in names]
    assert found == sorted((PointKey(*key) for key in expected), reverse=descending)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_may_begin_after_a_point_that_is_not_there(
    store: TelemetryStore, new_device: NewDevice, descending: bool
) -> None:
    first, second = new_device(), new_device()
    await store.write([table(first), table(second, 1)])
    selection = select(first, second)
    every = [PointKey(*key) for key in points_of([table(first), table(second, 1)])]
    for after in [
        PointKey(T0 + 3 * MS, first, "aa"),
        PointKey(T0 + 3 * MS, first, ""),
        PointKey(T0 + 3 * MS, second, "\U0010ffff"),
        PointKey(T0 + 3 * MS, 1, "a"),
        PointKey(T0 + 3 * MS + 1, first, "a"),
        PointKey(T0 - 1, first, "a"),
    ]:
        found = points_of(await store.page(selection, limit=1000, descending=descending, after=after))
        beyond = {key for key in every if (key < after if descending else key > after)}
        assert set(found) == beyond


async def test_metadata_is_on_no_page(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch_of(device, [T0, T0 + MS], {"a": [1, None], "meta_m": [1, 2]})])
    found = points_of(await store.page(select(device), limit=10))
    assert set(found) == {(T0, device, "a")}


async def test_a_page_of_the_unknown_is_empty(store: TelemetryStore, new_device: NewDevice) -> None:
    known = new_device()
    await store.write([table(known)])
    assert list(await store.page(select(), limit=10)) == []
    assert list(await store.page(select(new_device()), limit=10)) == []
    assert list(await store.page(select(known, measurements=("x",)), limit=10)) == []
    assert list(await store.page(select(known, measurements=()), limit=10)) == []


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_may_be_longer_than_a_stores_own_chunks(
    store: TelemetryStore, new_device: NewDevice, descending: bool
) -> None:
    device = new_device()
    whole = batch_of(
        device,
        [T0 + row * MS for row in range(12_000)],
        {"a": list(range(12_000)), "b": [row if row % 10 == 0 else None for row in range(12_000)]},
    )
    await store.write([whole])
    found = await walk(store, select(device), 10_001, descending=descending)
    assert found == sorted((PointKey(*key) for key in points_of([whole])), reverse=descending)
