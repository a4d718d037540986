"""A store tells which devices and series it has, of which type, from when to when."""

from __future__ import annotations

from typing import Any

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Scope, TimeRange
from iotflow_server.stores.store import SeriesInfo, SeriesType, TelemetryStore, Width
from tests.conformance.reading import NewDevice, select
from tests.support.batches import MS, T0, Json, batch, batch_of

KINDS = {
    "numeric": Kind.NUMERIC,
    "integer": Kind.INTEGER,
    "text": Kind.TEXT,
    "boolean": Kind.BOOLEAN,
    "json": Kind.JSON,
}


async def test_series_are_listed_with_kind_first_and_last(store: TelemetryStore, new_device: NewDevice) -> None:
    first, second = new_device(), new_device()
    await store.write(
        [
            batch(second, [T0], numeric=[1.5]),
            batch(
                first,
                [T0, T0 + MS, T0 + 2 * MS],
                numeric=[1.5, 2.5, None],
                integer=[None, 1, 2],
                text=["{}", None, "[]"],
                boolean=[None, True, None],
                json=[Json("1"), Json('"x"'), Json("{}")],
                meta_m=[1, 2, 3],
            ),
        ]
    )
    assert list(await store.list_series([second, first])) == [
        SeriesInfo(first, "boolean", Kind.BOOLEAN, T0 + MS, T0 + MS),
        SeriesInfo(first, "integer", Kind.INTEGER, T0 + MS, T0 + 2 * MS),
        SeriesInfo(first, "json", Kind.JSON, T0, T0 + 2 * MS),
        SeriesInfo(first, "numeric", Kind.NUMERIC, T0, T0 + MS),
        SeriesInfo(first, "text", Kind.TEXT, T0, T0 + 2 * MS),
        SeriesInfo(second, "numeric", Kind.NUMERIC, T0, T0),
    ]


async def test_points_are_counted_where_asked(store: TelemetryStore, new_device: NewDevice) -> None:
    device, silent = new_device(owner=7), new_device()
    rows = range(5)
    await store.write([batch(device, [T0 + row * MS for row in rows], a=list(rows), b=[None, 1.5, None, 2.5, None])])
    await store.write([batch(device, [T0, T0 + 9 * MS], a=[7, 8], meta_m=["x", "y"])])
    await store.delete(select(device, measurements=("a",), time_range=TimeRange(T0 + MS, T0 + 3 * MS)))
    found = await store.list_series([device, silent], count_points=True)
    assert [(each.measurement, each.point_count) for each in found] == [("a", 4), ("b", 2)]
    assert {each.point_count for each in await store.list_series([device])} == {None}
    await store.delete(select(device, measurements=("b",)))
    assert [each.point_count for each in await store.list_series([device], count_points=True)] == [4]


async def test_first_and_last_follow_writes_and_deletes(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    rows = range(1, 6)
    await store.write([batch(device, [T0 + row * MS for row in rows], a=list(rows), b=list(rows))])
    await store.write([batch(device, [-MS], a=[0])])
    assert [(each.first, each.last) for each in await store.list_series([device])] == [
        (-MS, T0 + 5 * MS),
        (T0 + MS, T0 + 5 * MS),
    ]
    await store.delete(select(device, time_range=TimeRange(end=T0 + 2 * MS)))
    await store.delete(select(device, time_range=TimeRange(start=T0 + 4 * MS)))
    assert [(each.first, each.last) for each in await store.list_series([device])] == [(T0 + 2 * MS, T0 + 3 * MS)] * 2


async def test_a_series_without_points_is_not_listed_and_keeps_its_type(
    store: TelemetryStore, new_device: NewDevice
) -> None:
    device = new_device()
    await store.write([batch(device, [T0], a=[1], b=[2.5], meta_m=["x"])])
    await store.delete(select(device, measurements=("a",)))
    assert [each.measurement for each in await store.list_series([device])] == ["b"]
    await store.delete(select(device, scope=Scope.BOTH))
    assert list(await store.list_series([device])) == []
    types = await store.series_types(device)
    assert set(types) <= {"a", "b", "meta_m"}
    await store.write([batch(device, [T0], a=[3])])
    assert list(await store.list_series([device])) == [SeriesInfo(device, "a", Kind.INTEGER, T0, T0)]


async def test_types_are_those_of_all_series_metadata_included(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    cells: dict[str, list[Any]] = {
        "numeric": [1.5],
        "integer": [1],
        "text": ["x"],
        "boolean": [True],
        "json": [Json("{}")],
    }
    await store.write([batch_of(device, [T0], cells | {f"meta_{name}": cell for name, cell in cells.items()})])
    expected = {name: SeriesType(kind, Width.FULL) for name, kind in KINDS.items()}
    assert dict(await store.series_types(device)) == expected | {
        f"meta_{name}": series for name, series in expected.items()
    }


async def test_types_are_told_anew_after_a_write_that_adds_one(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    assert dict(await store.series_types(device)) == {}
    await store.write([batch(device, [T0], a=[1])])
    assert dict(await store.series_types(device)) == {"a": SeriesType(Kind.INTEGER)}
    await store.write([batch(device, [T0], b=["x"])])
    assert dict(await store.series_types(device)) == {"a": SeriesType(Kind.INTEGER), "b": SeriesType(Kind.TEXT)}


async def test_devices_are_listed_once_with_their_owners(store: TelemetryStore, new_device: NewDevice) -> None:
    free, owned, other, silent = new_device(), new_device(owner=7), new_device(owner=8), new_device(owner=7)
    await store.write([batch(device, [T0], a=[1], meta_m=[1]) for device in (other, owned, free)])
    found = list(await store.list_devices())
    assert [device for device, _ in found] == sorted({device for device, _ in found})
    assert [each for each in found if each[0] in (free, owned, other, silent)] == [(free, 0), (owned, 7), (other, 8)]


async def test_an_owned_device_is_read_as_any_other(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device(owner=7)
    await store.write([batch(device, [T0], a=[1])])
    assert [each.device_id for each in await store.latest(select(device))] == [device]
    assert [each.device_id for each in await store.list_series([device])] == [device]


async def test_nothing_is_known_of_the_unknown(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    assert list(await store.list_series([])) == []
    assert list(await store.list_series([device])) == []
    assert dict(await store.series_types(device)) == {}


async def test_opening_again_and_pinging_are_harmless(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0], a=[1])])
    await store.open()
    await store.ping()
    assert store.name in StoreName
    assert len(await store.list_series([device])) == 1


async def test_a_closed_store_opens_again(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    await store.write([batch(device, [T0], a=[1])])
    await store.close()
    await store.close()
    await store.open()
    assert len(await store.list_series([device])) == 1
