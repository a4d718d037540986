"""What IoTDB does with names, times and time-outs, and that none of it reaches a caller."""

from __future__ import annotations

import numpy as np
import pytest

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.iotdb.tablets import NativeColumn, encode_tablet
from iotflow_server.stores.iotdb.types import NativeType
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, Selection, TimeRange
from tests.integration.iotdb.helpers import batch, column, one, points, read, read_values

NAMES = [
    "", " ", "*", "**", "a.b", "`", "``", "a`b", "root", "null", "true", "nan", "1", "1e5", "select",
    "DROP DATABASE root", "Temp", "temp", "é", "e\u0301", "😀", "'\"\\", "a\rb", "a\0b", "${x}", "meta_`",
    "x" * 100,
]  # fmt: skip


async def test_every_name_is_kept_apart(iotdb_store: IotdbStore) -> None:
    columns = [column(name, Kind.INTEGER, [number]) for number, name in enumerate(NAMES)]
    await iotdb_store.write([batch(1, [1], *columns)])
    wanted = {(name, 1): (Kind.INTEGER, number) for number, name in enumerate(NAMES)}
    assert await read(iotdb_store, 1) == wanted
    data = [name for name in NAMES if not name.startswith("meta_")]
    assert [info.measurement for info in await iotdb_store.list_series([1])] == sorted(data)
    for name in data:
        selection = Selection((1,), measurements=(name,))
        assert points(await iotdb_store.latest(selection)) == {(name, 1): wanted[name, 1]}
    await iotdb_store.delete(Selection((1,), measurements=("a.b", "`")))
    assert set(await read(iotdb_store, 1)) == set(wanted) - {("a.b", 1), ("`", 1)}


@pytest.mark.parametrize("name", ["a.b", "*", "a*", "(x", "$", "${x}", ".*", "\\d", "x+", "`", "", "a?", "plain"])
async def test_a_delete_reaches_exactly_what_it_names(iotdb_store: IotdbStore, name: str) -> None:
    names = dict.fromkeys(
        [name, "a.b", "a-b", "a b", "axb", "a*", "*", "$", "", "1", "xx", "x+", "(x", "a`b", "plainer"]
    )
    await iotdb_store.write([batch(1, [1], *(column(each, Kind.INTEGER, [1]) for each in names))])
    await iotdb_store.delete(Selection((1,), measurements=(name,)))
    assert {left for left, _ in await read(iotdb_store, 1)} == set(names) - {name}


async def test_a_delete_that_iotdb_does_not_make_is_an_error(iotdb_store: IotdbStore, raw: Session) -> None:
    await iotdb_store.write([one(1, "root", Kind.INTEGER, 1)])
    raw.execute("FLUSH")
    with pytest.raises(StoreRefusedError, match="did not delete"):
        await iotdb_store.delete(Selection((1,)))


@pytest.mark.parametrize("name", ["time", "Timestamp", "a\nb", "a\tb"])
async def test_names_that_iotdb_cannot_hold_are_refused(iotdb_store: IotdbStore, name: str) -> None:
    with pytest.raises(StoreRefusedError, match="legal"):
        await iotdb_store.write([one(1, name, Kind.INTEGER, 1)])


async def test_a_partial_insert_is_an_error_and_the_next_write_works(iotdb_store: IotdbStore) -> None:
    late = batch(2, [10**13 + 1], column("a", Kind.INTEGER, [1]))
    with pytest.raises(StoreRefusedError):
        await iotdb_store.write([one(1, "a", Kind.INTEGER, 1), late])
    await iotdb_store.write([one(3, "a", Kind.INTEGER, 3)])
    assert await read_values(iotdb_store, 3, "a") == [3]


async def test_points_past_their_time_to_live_are_an_error_not_a_loss(
    iotdb_store: IotdbStore, raw: Session, older: str
) -> None:
    raw.execute(f"SET TTL TO {older} 3600000")
    with pytest.raises(StoreRefusedError, match="ttl"):
        await iotdb_store.write([one(1, "a", Kind.INTEGER, 1, millisecond=1000)])


async def test_a_row_before_all_time_does_not_hang_a_read(iotdb_store: IotdbStore, raw: Session, older: str) -> None:
    await iotdb_store.write([batch(1, [5], column("a", Kind.INTEGER, [1]), column("b", Kind.INTEGER, [2]))])
    nine = [NativeColumn(name, NativeType.INT64, np.array([9]), None) for name in "ab"]
    raw.insert([encode_tablet(older, np.array([-(2**63)]), nine)])
    wanted = {("a", 5): (Kind.INTEGER, 1), ("b", 5): (Kind.INTEGER, 2)}
    assert await read(iotdb_store, 1) == wanted
    assert points([each async for each in iotdb_store.scan(Selection((1,)), descending=True)]) == wanted
    assert points(await iotdb_store.latest(Selection((1,)))) == wanted
    assert points(await iotdb_store.page(Selection((1,)), limit=9)) == wanted
    assert {(info.first, info.last) for info in await iotdb_store.list_series([1])} == {(5000, 5000)}


async def test_the_ends_of_time_are_stored_and_found(iotdb_store: IotdbStore) -> None:
    ends = np.array([MIN_TIMESTAMP, -1000, 0, 10**16], np.int64)
    await iotdb_store.write([Batch(1, ends, (column("a", Kind.INTEGER, [1, 2, 3, 4]),))])
    for start, end, wanted in (
        (MIN_TIMESTAMP, MAX_TIMESTAMP, [1, 2, 3, 4]),
        (MIN_TIMESTAMP, 0, [1, 2]),
        (MIN_TIMESTAMP + 1, 1, [2, 3]),
        (-999, 10**16, [3]),
        (10**16, 10**16 + 1, [4]),
        (1, 1, []),
    ):
        selection = Selection((1,), time_range=TimeRange(start, end))
        for descending in (False, True):
            found = [each async for each in iotdb_store.scan(selection, descending=descending)]
            assert sorted(value for _, value in points(found).values()) == wanted
        latest = points(await iotdb_store.latest(selection))
        assert [value for _, value in latest.values()] == wanted[-1:]


async def test_a_long_series_comes_in_bounded_batches_in_order(iotdb_store: IotdbStore) -> None:
    count = 50_001
    times = np.arange(count, dtype=np.int64) * 1000
    values = np.arange(count, dtype=np.float64)
    await iotdb_store.write([Batch(1, times, (Column("v", Kind.NUMERIC, values),))])
    for descending in (False, True):
        found = [each async for each in iotdb_store.scan(Selection((1,)), descending=descending)]
        joined = np.concatenate([each.timestamps for each in found])
        assert len(found) > 1
        assert np.array_equal(joined, times[::-1] if descending else times)
        assert np.array_equal(np.concatenate([each.columns[0].values for each in found]), joined / 1000)


async def test_long_texts_come_in_bounded_batches(iotdb_store: IotdbStore) -> None:
    texts = [f"{number:06}" * 17_000 for number in range(100)]
    for at in range(0, 100, 50):
        await iotdb_store.write([batch(1, range(at, at + 50), column("t", Kind.TEXT, texts[at : at + 50]))])
    found = [each async for each in iotdb_store.scan(Selection((1,)))]
    assert max(each.nbytes for each in found) < 8 << 20
    assert [value for each in found for value in each.columns[0].values] == texts


async def test_a_type_that_changed_under_a_remembered_schema_is_noticed(
    iotdb_store: IotdbStore, raw: Session, older: str
) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1)])
    raw.execute(f"DELETE TIMESERIES {older}.a")
    raw.execute(f"CREATE TIMESERIES {older}.a DOUBLE")
    with pytest.raises(StoreRefusedError, match="DOUBLE"):
        await iotdb_store.write([one(1, "a", Kind.INTEGER, 2**53 + 1)])
    await iotdb_store.write([one(1, "a", Kind.NUMERIC, 0.5)])
    assert await read(iotdb_store, 1) == {("a", 1): (Kind.NUMERIC, 0.5)}


async def test_series_of_other_writers_are_seen_at_once(iotdb_store: IotdbStore, raw: Session, older: str) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1)])
    assert len(await read(iotdb_store, 1)) == 1
    raw.execute(f"INSERT INTO {older}(time, b) VALUES (2, 2.5)")
    assert await read(iotdb_store, 1) == {("a", 1): (Kind.INTEGER, 1), ("b", 2): (Kind.NUMERIC, 2.5)}
