"""What is particular to writing through PostgreSQL; the contract itself is held by tests/conformance."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import numpy as np
import pytest

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection
from tests.support.batches import T0, Json, batch, collect, point, points_of
from tests.support.postgres import opened

SECOND = 1_000_000


async def _row(store: PostgresStore, query: str = "SELECT * FROM telemetry_data") -> dict[str, Any]:
    async with store.pool.connection() as connection:
        (row,) = await connection.fetch(query)
        return dict(row)


async def _read(store: PostgresStore, *devices: int) -> Any:
    return points_of(await collect(store.scan(Selection(devices, scope=Scope.BOTH))))


@pytest.mark.parametrize(
    ("value", "set_columns"),
    [
        (1.5, {"numeric_value": 1.5}),
        (2**53 + 1, {"numeric_value": 2.0**53, "integer_value": 2**53 + 1}),
        ("", {"text_value": ""}),
        (False, {"boolean_value": False}),
        (Json('{"a": [1]}'), {"json_value": '{"a": [1]}'}),
    ],
)
async def test_a_value_sets_the_columns_of_its_kind_only(
    each_postgres_store: PostgresStore, value: Any, set_columns: dict[str, Any]
) -> None:
    # Over each other kind in turn: nothing of what was there may stay.
    for before in (0.5, 7, "old", True, Json("[0]")):
        await each_postgres_store.write([point(1, T0, "x", before)])
    await each_postgres_store.write([point(1, T0, "x", value)])
    row = await _row(each_postgres_store)
    assert {k: v for k, v in row.items() if k.endswith("_value") and v is not None} == set_columns


async def test_sql_sees_owner_metadata_and_quality_beside_the_point(postgres_dsn: str) -> None:
    async with opened(postgres_dsn, {1: 42}) as store:
        columns: dict[str, Any] = {"x": [1.0], "meta_line": ['"a\\'], "meta_n": [2**60], "meta_on": [True]}
        columns |= {"meta_far": [float("inf")], "meta_j": [Json('{"big": 123456789012345678901234567890.10}')]}
        await store.write([batch(1, [T0], **columns, meta_quality_flag=[3])])
        row = await _row(store)
    assert (row["device_id"], row["user_id"], row["quality_flag"]) == (1, 42, 3)
    metadata = json.loads(row["metadata"], parse_float=str)
    big = {"big": "123456789012345678901234567890.10"}
    assert metadata == {"line": '"a\\', "n": 2**60, "on": True, "far": "Infinity", "j": big}


async def test_an_overwrite_replaces_owner_metadata_quality_and_moment(postgres_dsn: str) -> None:
    owners = {1: 42}
    async with opened(postgres_dsn, owners) as store:
        await store.write([batch(1, [T0], x=[1.0], meta_line=["a"], meta_quality_flag=[3])])
        first = await _row(store)
        owners.clear()
        await store.write([batch(1, [T0], x=[2.0])])
        row = await _row(store)
    assert (row["user_id"], row["metadata"], row["quality_flag"]) == (None, None, 0)
    assert row["created_at"] > first["created_at"]


@pytest.mark.parametrize(
    "refused",
    ['{"a": "\\u0000"}', '"\\ud800"', "[1e400000]", '{"a": }', "[" * 100_000 + "]" * 100_000],
    ids=["NUL", "lone surrogate", "number out of range", "no JSON", "too deep"],
)
@pytest.mark.parametrize("name", ["config", "meta_config"])
async def test_json_that_jsonb_cannot_hold_is_refused_by_name_and_nothing_is_stored(
    each_postgres_store: PostgresStore, refused: str, name: str
) -> None:
    good = [point(device, T0, name, Json("[1]")) for device in (1, 2)]
    with pytest.raises(StoreRefusedError, match=f"device 3, '{name}' at 2023-11-14T22:13:20"):
        await each_postgres_store.write([*good, point(3, T0, name, Json(refused))])
    assert await _read(each_postgres_store, 1, 2, 3) == {}
    await each_postgres_store.write(good)
    assert len(await _read(each_postgres_store, 1, 2, 3)) == 2


async def test_text_that_is_not_unicode_is_refused(postgres_store: PostgresStore) -> None:
    for name in ("state", "meta_state"):
        with pytest.raises(StoreRefusedError, match="not Unicode"):
            await postgres_store.write([point(1, T0, name, "\ud800")])


async def test_a_refused_write_registers_no_series(postgres_store: PostgresStore) -> None:
    with pytest.raises(StoreRefusedError):
        await postgres_store.write([point(1, T0, "config", Json("{"))])
    assert await postgres_store.series_types(1) == {}
    await postgres_store.write([point(1, T0, "config", Json("{}"))])
    assert set(await postgres_store.series_types(1)) == {"config"}


async def test_of_batches_with_the_same_key_the_later_wins_whatever_the_kind(
    each_postgres_store: PostgresStore,
) -> None:
    batches = [
        batch(1, [T0, T0 + SECOND], x=[1.0, 2.0], y=[1, 1]),
        batch(2, [T0], x=[5.0]),
        batch(1, [T0 - SECOND, T0], x=["a", "b"]),
        batch(1, [T0 + SECOND], x=[9]),
    ]
    for _ in range(2):  # New keys, then the same again.
        await each_postgres_store.write(batches)
        assert await _read(each_postgres_store, 1, 2) == points_of(
            [
                batch(1, [T0 - SECOND, T0], x=["a", "b"]),
                batch(1, [T0 + SECOND], x=[9]),
                batch(1, [T0, T0 + SECOND], y=[1, 1]),
                batch(2, [T0], x=[5.0]),
            ]
        )


async def test_writers_of_the_same_keys_in_any_order_all_come_through(each_postgres_dsn: str) -> None:
    async with opened(each_postgres_dsn, {}) as one, opened(each_postgres_dsn, {}) as other:
        names = [f"m{index}" for index in range(5)]
        moments = [T0 + second * SECOND for second in range(20)]

        async def write(store: PostgresStore, number: int) -> None:
            order = random.Random(number)
            for _ in range(5):
                devices = order.sample(range(6), 6)
                shuffled = order.sample(names, 5)
                await store.write(
                    [batch(device, moments, **{name: [number] * 20 for name in shuffled}) for device in devices]
                )

        await asyncio.gather(*(write(store, number) for number, store in enumerate([one, other] * 4)))
        found = await _read(one, *range(6))
    assert len(found) == 6 * 5 * 20


async def test_a_large_write_is_stored_whole(postgres_store: PostgresStore) -> None:
    moments = T0 + np.arange(100_000, dtype=np.int64) * SECOND
    values = np.random.default_rng(1).random(100_000)
    written = Batch(1, moments, (Column("x", Kind.NUMERIC, values),))
    await postgres_store.write([written])
    scanned = await collect(postgres_store.scan(Selection((1,))))
    assert len(scanned) > 1
    assert np.array_equal(np.concatenate([each.timestamps for each in scanned]), moments)
    assert np.array_equal(np.concatenate([each.columns[0].values for each in scanned]), values)
