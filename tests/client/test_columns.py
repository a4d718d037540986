"""Columns there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import Columns, InvalidArgumentError, Json, Kind, TelemetryClient, encode_columns

START = np.datetime64("2026-01-01", "us")
THREE = START + np.arange(3)


async def written(client: TelemetryClient, columns: Columns) -> None:
    async with client.write_stream() as stream:
        await stream.send(columns)
    assert stream.result.rejections == ()


COLUMNS: list[tuple[Any, Kind, list[Any]]] = [
    (np.array([1.5, np.nan, -0.0]), Kind.NUMERIC, [1.5, np.nan, -0.0]),
    (np.array([1.5, np.inf, 0.1], dtype=np.float32), Kind.NUMERIC, [1.5, np.inf, float(np.float32(0.1))]),
    (np.array([1.0, 2.0, 3.0], dtype=">f8"), Kind.NUMERIC, [1.0, 2.0, 3.0]),
    (np.arange(6, dtype=float)[::2], Kind.NUMERIC, [0.0, 2.0, 4.0]),
    ([1, 2.5, 3], Kind.NUMERIC, [1.0, 2.5, 3.0]),
    ([2**53 + 1, -(2**63), 2**63 - 1], Kind.INTEGER, [2**53 + 1, -(2**63), 2**63 - 1]),
    (np.array([1, 2, 3], dtype=np.uint8), Kind.INTEGER, [1, 2, 3]),
    (np.array([1, 2, 3], dtype=">i4"), Kind.INTEGER, [1, 2, 3]),
    (np.array([True, False, True]), Kind.BOOLEAN, [True, False, True]),
    ([True, np.bool_(False), True], Kind.BOOLEAN, [True, False, True]),
    (["", "ü", "x"], Kind.TEXT, ["", "ü", "x"]),
    (np.array(["a", "bb", "c"]), Kind.TEXT, ["a", "bb", "c"]),
    ([{"a": 2**60}, [1], Json("x")], Kind.JSON, [{"a": 2**60}, [1], Json("x")]),
]


@pytest.mark.parametrize(("values", "kind", "expected"), COLUMNS, ids=[repr(values) for values, _, _ in COLUMNS])
async def test_a_column_is_read_back_as_it_was_written(
    client: TelemetryClient, device: int, values: Any, kind: Kind, expected: list[Any]
) -> None:
    await written(client, Columns(device, THREE, {"x": values}))
    data = (await client.query_columns(device_ids=[device]))[device, "x"]
    assert (data.kind, repr(data.values.tolist())) == (kind, repr(expected))
    assert data.timestamps.dtype == "datetime64[us]"
    assert data.timestamps.tolist() == THREE.tolist()


async def test_masked_values_are_missing_and_nan_is_not(client: TelemetryClient, device: int) -> None:
    masked = np.ma.array([np.nan, 2.0, 3.0], mask=[False, True, False])
    await written(client, Columns(device, THREE, {"x": masked, "none": np.ma.array(np.zeros(3), mask=True)}))
    answer = await client.query_columns(device_ids=[device])
    assert [data.measurement for data in answer] == ["x"]
    assert repr(answer[device, "x"].values.tolist()) == "[nan, 3.0]"
    assert answer[device, "x"].timestamps.tolist() == THREE[[0, 2]].tolist()


async def test_metadata_and_quality_stand_beside_the_values(client: TelemetryClient, device: int) -> None:
    site: Any = np.ma.array(["north", "", "south"], mask=[False, True, False], dtype=object)
    await written(client, Columns(device, THREE, {"x": [1, 2, 3]}, {"site": site}, quality=[0, -1, 2], user_id=8))
    data = (await client.query_columns(user_id=8))[device, "x"]
    assert data.metadata["site"].tolist() == ["north", None, "south"]
    assert data.quality_flags.tolist() == [0, -1, 2]
    assert data.user_id == 8


async def test_a_series_of_several_kinds_keeps_each_value(client: TelemetryClient, device: int) -> None:
    await written(client, Columns(device, THREE, {"x": [1, 2, 2**60]}))
    await written(client, Columns(device, THREE[1:2], {"x": ["two"]}))
    data = (await client.query_columns(device_ids=[device]))[device, "x"]
    assert (data.kind, data.values.tolist()) == (Kind.MIXED, [1, "two", 2**60])


async def test_a_series_in_many_blocks_is_one(client: TelemetryClient, device: int) -> None:
    count = 200_000
    values = np.arange(count) + 2**53
    await written(client, Columns(device, START + np.arange(count), {"x": values}))
    blocks = [block async for block in client.iter_columns(device_ids=[device])]
    assert len(blocks) > 1
    data = (await client.query_columns(device_ids=[device]))[device, "x"]
    assert np.array_equal(data.values, values)


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        (Columns(1, THREE, {"x": [1, 2]}), 'columns["x"]'),
        (Columns(1, THREE, {"x": "abc"}), 'columns["x"]'),
        (Columns(1, THREE, {"x": np.zeros((3, 1))}), 'columns["x"]'),
        (Columns(1, THREE, {"x": np.zeros(3, dtype=complex)}), 'columns["x"]'),
        (Columns(1, THREE, {"x": np.zeros(3, dtype=np.longdouble)}), 'columns["x"]'),
        (Columns(1, THREE, {"x": THREE}), 'columns["x"]'),
        (Columns(1, THREE, {"x": np.full(3, 2**63, dtype=np.uint64)}), 'columns["x"]'),
        (Columns(1, THREE, {"x": [1, "a", 2]}), 'columns["x"]'),
        (Columns(1, THREE, {"x": [1, True, 2]}), 'columns["x"]'),
        (Columns(1, THREE, {"x": [1.5, 2**53 + 1, 2]}), 'columns["x"][1]'),
        (Columns(1, THREE, {"x": [1.5, None, 2]}), 'columns["x"][1]'),
        (Columns(1, THREE, {"x": [2**63, 1, 2]}), 'columns["x"][0]'),
        (Columns(1, THREE, {}, {"k": [1]}), 'metadata["k"]'),
        (Columns(1, THREE, {}, quality=[1, 2]), "quality"),
        (Columns(1, THREE, {}, quality=[1, 2, 2**31]), "quality[2]"),
        (Columns(1, [1.5], {}), "timestamps[0]"),
        (Columns(1, np.array([1.5]), {}), "timestamps"),
        (Columns(1, np.array(["NaT"], dtype="datetime64[us]"), {}), "timestamps"),
        (Columns(1, np.array(["300000"], dtype="datetime64[Y]"), {}), "timestamps"),
        (Columns(2**31, THREE, {}), "device_id"),
    ],
    ids=repr,
)
def test_columns_that_cannot_be_sent_are_refused_by_their_field(columns: Columns, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        encode_columns(columns)
    assert [violation.field for violation in raised.value.violations] == [field]


def test_moments_before_1970_are_floored_to_microseconds() -> None:
    columns = Columns(1, np.array([-1], dtype="datetime64[ns]"), {"x": [1]})
    assert list(encode_columns(columns).timestamps) == [-1]


async def test_an_arrow_table_has_each_value_in_the_column_of_its_kind(client: TelemetryClient, device: int) -> None:
    cells: dict[str, Any] = {
        "a": [1.5, np.nan, -0.0],
        "b": [2**53 + 1, 2, 3],
        "c": ["x", "", "z"],
        "d": [True, False, True],
        "e": [{"k": [1]}, [], Json("j")],
    }
    await written(client, Columns(device, THREE, cells, quality=[0, 5, 0]))
    await written(client, Columns(device, THREE[2:], {"b": ["three"]}))
    answer = await client.query_columns(device_ids=[device])
    table = answer.to_arrow()
    assert table.column_names == [
        "device_id",
        "measurement",
        "timestamp",
        *("numeric", "integer", "text", "boolean", "json"),
        "quality_flag",
    ]
    assert table["measurement"].to_pylist() == [name for name in "abcde" for _ in range(3)]
    assert set(table["device_id"].to_pylist()) == {device}
    assert table["quality_flag"].to_pylist() == [0, 5, 0] * 5
    assert [str(moment) for moment in table["timestamp"].to_numpy()[:3]] == [str(moment) for moment in THREE]
    assert repr(table["numeric"].to_pylist()) == repr([1.5, np.nan, -0.0] + [None] * 12).replace("np.nan", "nan")
    assert table["integer"].to_pylist() == [None] * 3 + [2**53 + 1, 2] + [None] * 10
    assert table["text"].to_pylist() == [None] * 5 + ["three", "x", "", "z"] + [None] * 6
    assert table["boolean"].to_pylist() == [None] * 9 + [True, False, True] + [None] * 3
    assert table["json"].to_pylist() == [None] * 12 + ['{"k": [1]}', "[]", '"j"']


async def test_a_series_is_an_arrow_table_of_its_own_type(client: TelemetryClient, device: int) -> None:
    await written(client, Columns(device, THREE, {"n": [2**53 + 1, 2, 3], "j": [{"k": 1}, [], Json(1)]}))
    answer = await client.query_columns(device_ids=[device])
    numbers, texts = answer[device, "n"].to_arrow(), answer[device, "j"].to_arrow()
    assert numbers["value"].to_pylist() == [2**53 + 1, 2, 3]
    assert str(numbers.schema.field("timestamp").type) == "timestamp[us, tz=UTC]"
    assert texts["value"].to_pylist() == ['{"k": 1}', "[]", "1"]
    assert (await client.query_columns(device_ids=[2_000_000_000])).to_arrow().num_rows == 0
