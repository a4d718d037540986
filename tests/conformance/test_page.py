"""Pages walk all points exactly once in the order (timestamp, device_id, measurement)."""

from __future__ import annotations

import random

import pytest

from iotflow_server.query.engine import QueryEngine
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.selection import PointKey, Selection, TimeRange
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, select
from tests.support.batches import MS, T0, batch_of, check_shape, listed, point, points_of

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


async def disturb(store: TelemetryStore, device: int, chance: random.Random) -> None:
    """Points before, behind and between those of a table come and go, of its series too."""
    moments = [T0 + tick * MS // 2 for tick in chance.sample(range(-4, 20), 6)]
    await store.write([batch_of(device, sorted(moments), {"aa": [1] * 6, "new": [2] * 6, "é": [3] * 6})])
    begin = T0 + chance.randrange(7) * MS
    await store.delete(select(device, measurements=("aa", "a", "B"), time_range=TimeRange(begin, begin + 2 * MS)))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 5])
async def test_between_pages_points_may_come_and_go_and_none_comes_twice_or_is_missed(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice, size: int, descending: bool
) -> None:
    devices = [new_device(), new_device()]
    tables = [table(device, shift) for shift, device in enumerate(devices)]
    await store.write(tables)
    lasting = {key for key in points_of(tables) if key[2] not in ("a", "B")}
    chance = random.Random(size)
    found: list[PointKey] = []
    token = ""
    while True:
        page = await engine.page(select(*devices), page_size=size, token=token, descending=descending)
        found += [PointKey(*key) for key, _ in listed(page.points)]
        token = page.next_token
        if not token:
            break
        if len(found) % 4 < size:
            await disturb(store, chance.choice(devices), chance)
    assert found == sorted(set(found), reverse=descending)
    assert lasting <= set(found)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_goes_on_where_the_last_point_of_the_one_before_was_deleted(
    store: TelemetryStore, engine: QueryEngine, new_device: NewDevice, descending: bool
) -> None:
    device = new_device()
    await store.write([table(device)])
    every = sorted((PointKey(*key) for key in points_of([table(device)])), reverse=descending)
    page = await engine.page(select(device), page_size=3, descending=descending)
    await store.delete(select(device, measurements=(every[2].measurement,)))
    await store.write([point(device, every[0].timestamp, "before" if not descending else "\U0010ffff", 1)])
    rest = await engine.page(select(device), page_size=1000, descending=descending, token=page.next_token)
    assert [key for key, _ in listed(rest.points)] == [key for key in every[3:] if key[2] != every[2].measurement]
