"""No value, name or timestamp is changed on the way."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import pytest

from iotflow_server.routing.admission import IOTDB_MAX_TIMESTAMP
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.selection import MIN_TIMESTAMP, Scope
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.reading import NewDevice, read, select
from tests.support.batches import MS, SECOND, T0, Json, batch, batch_of, exact, point, points_of

VALUES: dict[str, list[Any]] = {
    "numeric": [
        0.0,
        -0.0,
        math.nan,
        math.inf,
        -math.inf,
        5e-324,
        -5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        -1.7976931348623157e308,
        0.1,
        0.30000000000000004,
        1 / 3,
        9007199254740993.0,
    ],
    "integer": [
        0,
        -1,
        1,
        2**31,
        -(2**31) - 1,
        2**53,
        2**53 + 1,
        -(2**53) - 1,
        2**63 - 1,
        -(2**63),
        -(2**63) + 1,
    ],
    "boolean": [True, False, True],
    "text": [
        "",
        " ",
        "null",
        "NULL",
        "nan",
        "NaN",
        "true",
        "0",
        '"quoted"',
        "'q'",
        '"',
        "'",
        "''",
        "`back`",
        "\\",
        "\\N",
        "\\.",
        "\\x00",
        "a\nb\r\nc\td",
        "\x01\x1f\x7f\x80",
        "   both ends   ",
        "😀👩\u200d👩\u200d👧",
        "e\u0301 is not \u00e9",
        "שלום مرحبا \u202eabc",
        "\ufeff\ufffe\uffff\U0010ffff",
        '{"looks": "like json"}',
        "[1]",
        "'); DROP TABLE telemetry_data; --",
        "x" * 100_000,
        "é😀" * 20_000,
    ],
    "json": [
        Json("{}"),
        Json("[]"),
        Json("null"),
        Json("true"),
        Json("0"),
        Json('""'),
        Json('"text"'),
        Json("123456789012345678901234567890"),
        Json("-9007199254740993"),
        Json("0.1"),
        Json("1.5e300"),
        Json("1e-300"),
        Json('{"b": {"c": [1, 2.5, null, true, {"d": []}]}, "a": 9223372036854775807}'),
        Json('{"": "", "key with \\"quotes\\"": "\\u00e9\\n\\t\\\\ \\ud83d\\ude00", "שלום": "😀"}'),
        Json("[" * 50 + "]" * 50),
        Json('{"long": "' + "y" * 100_000 + '"}'),
    ],
}

NAMES = [
    "a",
    "A",
    "with space",
    " both ends ",
    "`",
    "a`b``c",
    '"quoted"',
    "'single'",
    "it's",
    "a.b.c",
    ".",
    "..",
    "*",
    "**",
    "root",
    "root.a",
    "null",
    "NULL",
    "true",
    "false",
    "nan",
    "select",
    "123",
    "1e5",
    "-1",
    "%",
    "_",
    "$1",
    "\\",
    "\\n",
    "a/b",
    "a,b;c",
    "{json}",
    "(x)",
    "'); DROP TABLE telemetry_data; --",
    "`; DELETE DATABASE root.**; --",
    "🌡️",
    "температура",
    "温度",
    "שלום",
    "e\u0301",
    "\u00e9",
    "\u200b",
    "\uffff",
    "time ",
    "timestamps",
    "metadata",
    "quality_flag",
    "device_id",
    "n" * 100,
    "😀" * 100,
]

MOMENTS = [
    MIN_TIMESTAMP,
    MIN_TIMESTAMP + MS,
    -(10**15),
    -SECOND - MS,
    -MS,
    0,
    MS,
    T0,
    T0 + MS,
    T0 + 10**15,
    IOTDB_MAX_TIMESTAMP - MS,
    IOTDB_MAX_TIMESTAMP,
]


@pytest.mark.parametrize("prefix", ["", "meta_"], ids=["data", "metadata"])
@pytest.mark.parametrize("kind", VALUES)
async def test_values_come_back_bit_for_bit(
    store: TelemetryStore, new_device: NewDevice, kind: str, prefix: str
) -> None:
    device = new_device()
    values = VALUES[kind]
    written = batch_of(device, [T0 + row * MS for row in range(len(values))], {prefix + "value": values})
    await store.write([written])
    assert points_of(await read(store, device)) == points_of([written])


@pytest.mark.parametrize("kind", VALUES)
async def test_a_page_and_the_latest_point_come_back_bit_for_bit(
    store: TelemetryStore, new_device: NewDevice, kind: str
) -> None:
    device = new_device()
    values = VALUES[kind]
    names = [f"value {index:03}" for index in range(len(values))]
    written = batch_of(device, [T0], {name: [value] for name, value in zip(names, values, strict=True)})
    await store.write([written])
    selection = select(device)
    assert points_of(await store.page(selection, limit=len(values) + 1)) == points_of([written])
    assert points_of(await store.latest(selection)) == points_of([written])


async def test_every_kind_lives_beside_the_others_in_one_row(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    cells = {name: [values[-1], None, values[0]] for name, values in VALUES.items()}
    written = batch_of(device, [T0, T0 + MS, T0 + 2 * MS], {**cells, "meta_x": [1, 2, None], "extra": [None, 1, None]})
    await store.write([written])
    assert points_of(await read(store, device)) == points_of([written])


async def test_names_come_back_as_they_are(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    assert unicodedata.normalize("NFC", "e\u0301") == "\u00e9"
    written = batch_of(device, [T0], {name: [index] for index, name in enumerate(NAMES)})
    await store.write([written])
    assert points_of(await read(store, device)) == points_of([written])
    assert [info.measurement for info in await store.list_series([device])] == sorted(NAMES)
    assert points_of(await store.latest(select(device))) == points_of([written])


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_selects_its_series_and_no_other(store: TelemetryStore, new_device: NewDevice, name: str) -> None:
    device = new_device()
    await store.write([batch_of(device, [T0], {each: [index] for index, each in enumerate([*NAMES, "b", "other"])})])
    wanted = points_of([point(device, T0, name, NAMES.index(name))])
    selection = select(device, measurements=(name,))
    assert points_of(await read(store, device, measurements=(name,))) == wanted
    assert points_of(await store.page(selection, limit=10)) == wanted
    assert points_of(await store.latest(selection)) == wanted
    await store.delete(selection)
    left = points_of(await read(store, device))
    assert {key[2] for key in left} == {*NAMES, "b", "other"} - {name}


@pytest.mark.parametrize("name", ["meta_" + name[:95] for name in NAMES], ids=range(len(NAMES)))
async def test_metadata_may_have_any_of_these_names(store: TelemetryStore, new_device: NewDevice, name: str) -> None:
    device = new_device()
    written = batch_of(device, [T0], {"value": [1.5], name: ["x"]})
    await store.write([written])
    assert points_of(await read(store, device)) == points_of([written])


async def test_timestamps_from_the_year_1_to_2286_come_back_as_they_are(
    store: TelemetryStore, new_device: NewDevice
) -> None:
    device = new_device()
    written = batch(device, MOMENTS, value=list(range(len(MOMENTS))), meta_a=list(range(len(MOMENTS))))
    await store.write([written])
    assert points_of(await read(store, device)) == points_of([written])
    backwards = await read(store, device, descending=True)
    assert [moment for each in backwards for moment in each.timestamps.tolist()] == MOMENTS[::-1]
    (series,) = await store.list_series([device])
    assert (series.first, series.last) == (MOMENTS[0], MOMENTS[-1])


async def test_integers_stay_integers_where_rows_are_missing(store: TelemetryStore, new_device: NewDevice) -> None:
    device = new_device()
    rows = 3_000
    big = 2**53 + 1
    cells = [big + row if row < 1_500 or row % 7 else None for row in range(rows)]
    written = batch(device, [T0 + row * MS for row in range(rows)], count=cells, load=[0.5] * rows)
    await store.write([written])
    points = points_of(await read(store, device, scope=Scope.DATA))
    assert points == points_of([written])
    assert points[T0, device, "count"] == (Kind.INTEGER, exact(Kind.INTEGER, big))
