"""No value is changed on the way into IoTDB and back, before a flush and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import SeriesType, Width
from tests.integration.iotdb.helpers import batch, column, one, points, read, read_values

DOUBLES = [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan"), 1 / 3]
INTEGERS = [2**53 + 1, -(2**63), 2**63 - 1, 0, -1]
TEXTS = [
    "",
    "null",
    "NULL",
    "nan",
    '"quoted"',
    "'quoted'",
    "trailing\0\0",
    "a\nb\t",
    "😀 e\u0301 é",
    "x" * 100_000,
    "{",
]
JSONS = ['{"a": 9007199254740993}', "[]", "null", '"text"', "1", '{ "b":[1,2.50] }']


async def test_doubles_are_the_same_to_the_last_bit(iotdb_store: IotdbStore, raw: Session) -> None:
    await iotdb_store.write([batch(1, range(8), column("v", Kind.NUMERIC, DOUBLES))])
    before = await read_values(iotdb_store, 1, "v")
    raw.execute("FLUSH")
    after = await read_values(iotdb_store, 1, "v")
    wanted = np.array(DOUBLES).view(np.int64).tolist()
    assert np.array(before).view(np.int64).tolist() == wanted
    assert np.array(after).view(np.int64).tolist() == wanted


async def test_other_kinds_come_back_as_they_were(iotdb_store: IotdbStore, raw: Session) -> None:
    flags = [True, False, True]
    await iotdb_store.write([batch(1, range(len(INTEGERS)), column("i", Kind.INTEGER, INTEGERS))])
    await iotdb_store.write([batch(1, range(len(TEXTS)), column("t", Kind.TEXT, TEXTS))])
    await iotdb_store.write([batch(1, range(len(JSONS)), column("j", Kind.JSON, JSONS))])
    await iotdb_store.write([batch(1, range(len(flags)), column("b", Kind.BOOLEAN, flags))])
    for _ in range(2):
        found = {name: await read_values(iotdb_store, 1, name) for name in "itjb"}
        assert found == {"i": INTEGERS, "t": TEXTS, "j": JSONS, "b": flags}
        raw.execute("FLUSH")


@pytest.mark.parametrize("rows", [16, 17], ids=["as records", "as a tablet"])
async def test_few_rows_and_many_come_back_as_they_were(iotdb_store: IotdbStore, rows: int) -> None:
    values: dict[str, tuple[Kind, Sequence[Any]]] = {
        "v": (Kind.NUMERIC, DOUBLES),
        "i": (Kind.INTEGER, INTEGERS),
        "t": (Kind.TEXT, [text for text in TEXTS if len(text) < 100]),
        "j": (Kind.JSON, JSONS),
        "b": (Kind.BOOLEAN, [True, False]),
    }
    columns = [
        column(name, kind, [some[row % len(some)] for row in range(first, rows)], list(range(first, rows)))
        for first, (name, (kind, some)) in enumerate(values.items())
    ]
    written = [batch(device_id, range(rows), *columns) for device_id in (1, 2, 3)]
    await iotdb_store.write(written)
    for each in written:
        found = await read(iotdb_store, each.device_id)
        # NaN is not equal to itself, and -0.0 is to 0.0.
        assert sorted(map(repr, found.items())) == sorted(map(repr, points([each]).items()))


async def test_an_absent_value_is_not_nan_and_does_not_change_its_neighbours(iotdb_store: IotdbStore) -> None:
    big = 2**62 + 1
    sparse = [
        column("i", Kind.INTEGER, [big, big + 2], [0, 2]),
        column("v", Kind.NUMERIC, [float("nan")], [1]),
        column("b", Kind.BOOLEAN, [True, False], [1, 2]),
        column("t", Kind.TEXT, ["one", ""], [0, 2]),
    ]
    await iotdb_store.write([batch(1, range(3), *sparse)])
    found = await read(iotdb_store, 1)
    assert len(found) == 7
    assert [found["i", 0][1], found["i", 2][1]] == [big, big + 2]
    assert np.isnan(found["v", 1][1])
    assert [found["b", 1][1], found["b", 2][1]] == [True, False]
    assert [found["t", 0][1], found["t", 2][1]] == ["one", ""]


async def test_integers_stay_exact_where_only_a_later_block_has_nulls(iotdb_store: IotdbStore) -> None:
    count, big = 3000, 2**60 + 1
    values = list(range(big, big + count))
    gaps = [row for row in range(count) if row < 1500 or row % 2]
    columns = [
        column("full", Kind.INTEGER, values),
        column("gaps", Kind.INTEGER, [values[row] for row in gaps], gaps),
    ]
    await iotdb_store.write([batch(1, range(count), *columns)])
    assert await read_values(iotdb_store, 1, "full") == values
    assert await read_values(iotdb_store, 1, "gaps") == [values[row] for row in gaps]


async def test_a_later_row_overwrites_only_what_it_has(iotdb_store: IotdbStore) -> None:
    await iotdb_store.write([batch(1, [5], column("a", Kind.INTEGER, [1]), column("b", Kind.INTEGER, [2]))])
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 3, 5)])
    assert await read(iotdb_store, 1) == {("a", 5): (Kind.INTEGER, 3), ("b", 5): (Kind.INTEGER, 2)}


async def test_a_later_batch_of_one_call_wins(iotdb_store: IotdbStore) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, value) for value in range(6)])
    assert await read_values(iotdb_store, 1, "a") == [5]


async def test_series_are_made_with_encodings_that_change_nothing(
    iotdb_store: IotdbStore, raw: Session, older: str
) -> None:
    every_kind = [
        column("v", Kind.NUMERIC, [1.5]),
        column("i", Kind.INTEGER, [1]),
        column("t", Kind.TEXT, ["x"]),
        column("j", Kind.JSON, ["{}"]),
        column("b", Kind.BOOLEAN, [True]),
    ]
    await iotdb_store.write([batch(1, [0], *every_kind)])
    answer = raw.query(f"SHOW TIMESERIES {older}.*")
    encodings = dict(zip(answer.texts("Timeseries"), answer.texts("Encoding"), strict=True))
    assert set(encodings.values()) <= {"PLAIN", "GORILLA"}
    assert await iotdb_store.series_types(1) == {
        "v": SeriesType(Kind.NUMERIC),
        "i": SeriesType(Kind.INTEGER),
        "t": SeriesType(Kind.TEXT),
        "j": SeriesType(Kind.JSON),
        "b": SeriesType(Kind.BOOLEAN),
    }


async def test_text_that_looks_like_json_stays_text_in_a_series_made_here(iotdb_store: IotdbStore) -> None:
    await iotdb_store.write([one(1, "t", Kind.TEXT, '{"a": 1}')])
    assert await read(iotdb_store, 1) == {("t", 1): (Kind.TEXT, '{"a": 1}')}


async def test_narrow_series_take_what_they_hold_exactly(iotdb_store: IotdbStore, raw: Session, older: str) -> None:
    raw.execute(f"CREATE TIMESERIES {older}.i INT32 ENCODING=PLAIN")
    raw.execute(f"CREATE TIMESERIES {older}.v FLOAT ENCODING=PLAIN")
    await iotdb_store.write([batch(1, [1], column("i", Kind.INTEGER, [-(2**31)]), column("v", Kind.NUMERIC, [0.5]))])
    assert await read(iotdb_store, 1) == {("i", 1): (Kind.INTEGER, -(2**31)), ("v", 1): (Kind.NUMERIC, 0.5)}
    assert await iotdb_store.series_types(1) == {
        "i": SeriesType(Kind.INTEGER, Width.INT32),
        "v": SeriesType(Kind.NUMERIC, Width.FLOAT32),
    }
    for refused in (one(1, "i", Kind.INTEGER, 2**31), one(1, "v", Kind.NUMERIC, 0.1)):
        with pytest.raises(StoreRefusedError, match="cannot hold"):
            await iotdb_store.write([refused])


async def test_values_of_another_kind_are_refused(iotdb_store: IotdbStore) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1)])
    for kind, value in ((Kind.NUMERIC, 1.5), (Kind.TEXT, "1"), (Kind.BOOLEAN, True), (Kind.JSON, "1")):
        with pytest.raises(StoreRefusedError, match="'a' is of type INT64"):
            await iotdb_store.write([one(1, "a", kind, value)])
    mixed = [column("b", Kind.TEXT, ["x"], [0]), column("b", Kind.NUMERIC, [1.5], [1])]
    with pytest.raises(StoreRefusedError, match="'b' came with NUMERIC, TEXT"):
        await iotdb_store.write([batch(1, [1, 2], *mixed)])
    assert await read(iotdb_store, 1) == {("a", 1): (Kind.INTEGER, 1)}


async def test_bytes_that_are_no_text_are_read_without_loss(iotdb_store: IotdbStore, raw: Session, older: str) -> None:
    raw.execute(f"CREATE TIMESERIES {older}.t TEXT")
    await iotdb_store.write([one(1, "t", Kind.TEXT, "text", 1)])
    raw.execute(f"CREATE TIMESERIES {older}.x BLOB")
    raw.execute(f"INSERT INTO {older}(time, x) VALUES (1, X'fffe00')")
    enveloped = (Kind.JSON, '{"iotflow_bytes": "//4A"}')
    assert (await read(iotdb_store, 1))["x", 1] == enveloped
    await iotdb_store.write([one(1, "t", *enveloped, 2)])
    assert raw.query(f"SELECT t FROM {older}").blocks[0].columns[0].values.tolist() == [b"text", b"\xff\xfe\0"]
    assert (await read(iotdb_store, 1))["t", 2] == enveloped
    (info, _) = await iotdb_store.list_series([1])
    assert (info.measurement, info.kind) == ("t", Kind.JSON)


async def test_dates_are_read_as_text(iotdb_store: IotdbStore, raw: Session, older: str) -> None:
    raw.execute(f"CREATE TIMESERIES {older}.d DATE")
    raw.execute(f"INSERT INTO {older}(time, d) VALUES (1, '2024-02-29')")
    assert await read(iotdb_store, 1) == {("d", 1): (Kind.TEXT, "2024-02-29")}
    with pytest.raises(StoreRefusedError):
        await iotdb_store.write([one(1, "d", Kind.TEXT, "2024-03-01")])


async def test_the_latest_text_is_whole(iotdb_store: IotdbStore) -> None:
    await iotdb_store.write([one(1, "t", Kind.TEXT, "null\0", 1), one(1, "i", Kind.INTEGER, 2**53 + 1, 2)])
    (latest,) = await iotdb_store.latest(Selection((1,)))
    assert [each.values.tolist() for each in latest.columns] == [[2**53 + 1], ["null\0"]]
