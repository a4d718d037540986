"""Points are found wherever the older system and its users have put them."""

from __future__ import annotations

from iotdb.thrift.rpc.ttypes import TSInsertStringRecordReq

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.status import check
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.selection import PointKey, Scope, Selection, TimeRange
from iotflow_server.stores.store import SeriesType, Width
from tests.integration.iotdb.helpers import batch, column, one, points, read


def insert_texts(session: Session, device: str, millisecond: int, values: dict[str, str]) -> None:
    """What the client's insert_str_record sends: the server guesses the types."""
    request = TSInsertStringRecordReq(session._id, device, list(values), list(values.values()), millisecond)
    check(session._client.insertStringRecord(request))


async def test_what_the_older_system_wrote_is_read(iotdb_store: IotdbStore, raw: Session, users: str) -> None:
    insert_texts(raw, users, 5, {"temperature": "22.5", "on": "true", "state": '"ok"', "meta_device_type": '"pump"'})
    raw.execute(f"""INSERT INTO {users}(time, state) VALUES (6, '{{"a": [1]}}')""")
    raw.execute(f"""INSERT INTO {users}(time, state) VALUES (7, '{{"a": NaN}}')""")
    raw.execute(f"CREATE TIMESERIES {users}.meta_user_id INT64")
    raw.execute(f"INSERT INTO {users}(time, meta_user_id) VALUES (5, 7)")
    assert await read(iotdb_store, 1) == {
        ("temperature", 5): (Kind.NUMERIC, 22.5),
        ("on", 5): (Kind.BOOLEAN, True),
        ("state", 5): (Kind.TEXT, "ok"),
        ("state", 6): (Kind.JSON, '{"a": [1]}'),
        ("state", 7): (Kind.TEXT, '{"a": NaN}'),
        ("meta_device_type", 5): (Kind.TEXT, "pump"),
        ("meta_user_id", 5): (Kind.INTEGER, 7),
    }
    assert set(await read(iotdb_store, 1, scope=Scope.METADATA)) == {("meta_device_type", 5), ("meta_user_id", 5)}
    assert (await iotdb_store.series_types(1))["state"] == SeriesType(Kind.TEXT, Width.BY_CONTENT)


async def test_an_old_text_series_takes_text_and_json_in_one_batch(
    iotdb_store: IotdbStore, raw: Session, older: str
) -> None:
    raw.execute(f"CREATE TIMESERIES {older}.s TEXT")
    both = [column("s", Kind.JSON, ["[1]"], [1]), column("s", Kind.TEXT, ["a", "b"], [0, 2])]
    await iotdb_store.write([batch(1, [1, 2, 3], *both)])
    found = await read(iotdb_store, 1)
    assert found == {("s", 1): (Kind.TEXT, "a"), ("s", 2): (Kind.JSON, "[1]"), ("s", 3): (Kind.TEXT, "b")}


async def test_the_owner_decides_where_points_are_written(
    iotdb_store: IotdbStore, owners: dict[int, int], raw: Session, older: str, users: str
) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1, 1)])
    owners[1] = 7
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 2, 2)])
    assert raw.query(f"SELECT a FROM {older}").blocks[0].times.tolist() == [1]
    assert raw.query(f"SELECT a FROM {users}").blocks[0].times.tolist() == [2]
    assert await read(iotdb_store, 1) == {("a", 1): (Kind.INTEGER, 1), ("a", 2): (Kind.INTEGER, 2)}


async def test_the_place_that_writes_go_to_wins_then_the_lowest_user(
    iotdb_store: IotdbStore, owners: dict[int, int], iotdb_settings: IotdbSettings
) -> None:
    for owner in (0, 9, 7):
        owners[1] = owner
        await iotdb_store.write([batch(1, [1], column("a", Kind.INTEGER, [owner]))])
    for owner, winner in ((7, 7), (9, 9), (3, 7), (0, 0)):
        owners[1] = owner
        assert await read(iotdb_store, 1) == {("a", 1): (Kind.INTEGER, winner)}
        assert points(await iotdb_store.latest(Selection((1,)))) == {("a", 1): (Kind.INTEGER, winner)}
        assert points(await iotdb_store.page(Selection((1,)), limit=5)) == {("a", 1): (Kind.INTEGER, winner)}


async def test_places_may_differ_in_type(
    iotdb_store: IotdbStore, owners: dict[int, int], raw: Session, users: str
) -> None:
    await iotdb_store.write([batch(1, [1, 2], column("a", Kind.INTEGER, [1, 2]))])
    raw.execute(f"CREATE TIMESERIES {users}.a DOUBLE")
    owners[1] = 7
    await iotdb_store.write([batch(1, [2, 3], column("a", Kind.NUMERIC, [2.5, 3.5]))])
    assert await read(iotdb_store, 1) == {
        ("a", 1): (Kind.INTEGER, 1),
        ("a", 2): (Kind.NUMERIC, 2.5),
        ("a", 3): (Kind.NUMERIC, 3.5),
    }
    (info,) = await iotdb_store.list_series([1], count_points=True)
    assert (info.kind, info.first, info.last, info.point_count) == (None, 1000, 3000, 3)


async def test_a_new_place_keeps_the_kind_told_by_content(
    iotdb_store: IotdbStore, owners: dict[int, int], raw: Session, older: str
) -> None:
    raw.execute(f"INSERT INTO {older}(time, s) VALUES (1, 'x')")
    owners[1] = 7
    await iotdb_store.write([one(1, "s", Kind.TEXT, "y", 2)])
    await iotdb_store.write([one(1, "s", Kind.JSON, "{}", 3)])
    found = await read(iotdb_store, 1)
    assert [found["s", time][0] for time in (1, 2, 3)] == [Kind.TEXT, Kind.TEXT, Kind.JSON]
    assert (await iotdb_store.series_types(1))["s"].width is Width.BY_CONTENT


async def test_nested_devices_and_foreign_nodes_are_nobodys_points(
    iotdb_store: IotdbStore, raw: Session, iotdb_settings: IotdbSettings, older: str
) -> None:
    database = iotdb_settings.database
    for path in (f"{older}.a", f"{database}.users.someone.devices.device_1", f"{database}.devices.device_01"):
        raw.execute(f"INSERT INTO {path}(time, b) VALUES (1, 1.5)")
    assert await read(iotdb_store, 1) == {}
    assert await iotdb_store.series_types(1) == {}
    assert await iotdb_store.list_devices() == []


async def test_devices_are_listed_with_their_users(
    iotdb_store: IotdbStore, owners: dict[int, int], iotdb_settings: IotdbSettings
) -> None:
    for device, owner in ((1, 0), (1, 7), (2, 0), (10, 8), (10, 9), (11, 8), (11, 9)):
        owners[device] = owner
        await iotdb_store.write([one(device, "a", Kind.INTEGER, 1)])
    owners.clear()
    owners[11] = 9
    assert await iotdb_store.list_devices() == [(1, 7), (2, 0), (10, 8), (11, 9)]


async def test_an_aligned_device_is_written_and_read_like_any_other(
    iotdb_store: IotdbStore, raw: Session, older: str
) -> None:
    raw.execute(f"CREATE ALIGNED TIMESERIES {older}(a INT32, b DOUBLE)")
    raw.execute(f"INSERT INTO {older}(time, a, b) ALIGNED VALUES (1, 1, 1.5)")
    new = [column("a", Kind.INTEGER, [2], [1]), column("c", Kind.TEXT, ["x"], [2])]
    await iotdb_store.write([batch(1, [0, 2, 3], *new), one(2, "a", Kind.BOOLEAN, True)])
    assert await read(iotdb_store, 1) == {
        ("a", 1): (Kind.INTEGER, 1),
        ("b", 1): (Kind.NUMERIC, 1.5),
        ("a", 2): (Kind.INTEGER, 2),
        ("c", 3): (Kind.TEXT, "x"),
    }
    assert await read(iotdb_store, 2) == {("a", 1): (Kind.BOOLEAN, True)}
    selection = Selection((1,), measurements=("b",))
    assert points([each async for each in iotdb_store.scan(selection, descending=True)]) == {
        ("b", 1): (Kind.NUMERIC, 1.5)
    }


async def test_a_delete_is_half_open_and_reaches_every_place(
    iotdb_store: IotdbStore, owners: dict[int, int], iotdb_settings: IotdbSettings
) -> None:
    for owner in (0, 7, 9):
        owners[1] = owner
        both = [column("a", Kind.INTEGER, [1, 2, 3, 4]), column("meta_m", Kind.TEXT, list("wxyz"))]
        await iotdb_store.write([batch(1, [1, 2, 3, 4], *both)])
    await iotdb_store.delete(Selection((1, 99), time_range=TimeRange(2000, 4000)))
    assert [key for key in await read(iotdb_store, 1) if key[0] == "a"] == [("a", 1), ("a", 4)]
    assert len(await read(iotdb_store, 1, scope=Scope.METADATA)) == 4
    await iotdb_store.delete(Selection((1,), scope=Scope.METADATA))
    assert set(await read(iotdb_store, 1)) == {("a", 1), ("a", 4)}
    await iotdb_store.delete(Selection((1,), measurements=("a",), scope=Scope.BOTH))
    assert await read(iotdb_store, 1) == {}
    assert await iotdb_store.list_series([1]) == []
    assert await iotdb_store.series_types(1) == {"a": SeriesType(Kind.INTEGER), "meta_m": SeriesType(Kind.TEXT)}


async def test_pages_go_on_where_the_last_one_ended(iotdb_store: IotdbStore) -> None:
    for device in (1, 2, 3):
        both = [column("a", Kind.INTEGER, [1, 2, 3]), column("B", Kind.NUMERIC, [0.5], [1])]
        await iotdb_store.write([batch(device, [1, 2, 3], *both, column("meta_m", Kind.TEXT, ["m"] * 3))])
    wanted = [PointKey(t * 1000, d, m) for t in (1, 2, 3) for d in (1, 2, 3) for m in ("B", "a") if m == "a" or t == 2]
    for descending in (False, True):
        for limit in (1, 2, 5, 100):
            keys: list[PointKey] = []
            while page := await iotdb_store.page(
                Selection((3, 1, 2)), limit=limit, descending=descending, after=keys[-1] if keys else None
            ):
                found = [
                    PointKey(int(time), each.device_id, one_column.name)
                    for each in page
                    for one_column in each.columns
                    for time in one_column.timestamps(each.timestamps)
                ]
                keys += sorted(found, reverse=descending)
            assert keys == (wanted[::-1] if descending else wanted)
