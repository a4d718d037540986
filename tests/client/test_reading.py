"""Queries of both clients."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from iotflow.telemetry import (
    Aggregation,
    BlockingTelemetryClient,
    Columns,
    Device,
    Kind,
    Order,
    Phase,
    Store,
    TelemetryClient,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=1)


@pytest.fixture
def filled(blocking: BlockingTelemetryClient, device: int) -> int:
    """A device with ten seconds of two measurements."""
    timestamps = [START + second * STEP for second in range(10)]
    columns = {"x": np.arange(10) + 2**53, "on": np.arange(10) % 2 == 0}
    with blocking.write_stream() as stream:
        stream.send(Columns(device, timestamps, columns))
    return device


async def test_a_page_is_followed_by_the_next(client: TelemetryClient, filled: int) -> None:
    first = await client.query(device_ids=[filled], measurements=["x"], page_size=6)
    second = await client.query(device_ids=[filled], measurements=["x"], page_size=6, page_token=first.next_page_token)
    assert [point.value for point in first.points + second.points] == [2**53 + number for number in range(10)]
    assert (second.next_page_token, first.served_by) == ("", Store.POSTGRES)


async def test_points_are_walked_over_all_pages(
    client: TelemetryClient, blocking: BlockingTelemetryClient, filled: int
) -> None:
    points = [point async for point in client.iter_points(device_ids=iter([filled]), page_size=3, order="descending")]
    assert len(points) == 20
    assert points == list(blocking.iter_points(device_ids=[filled], order=Order.DESCENDING, page_size=7))
    assert points[0].timestamp == START + 9 * STEP


async def test_a_range_is_half_open(client: TelemetryClient, filled: int) -> None:
    page = await client.query(device_ids=[filled], measurements=["x"], start=START + STEP, end=START + 3 * STEP)
    assert [point.timestamp for point in page.points] == [START + STEP, START + 2 * STEP]
    columns = await client.query_columns(device_ids=[filled], start=START + STEP, end=START + 3 * STEP)
    assert {len(data) for data in columns} == {2}


async def test_columns_may_be_descending(client: TelemetryClient, filled: int) -> None:
    data = (await client.query_columns(device_ids=[filled], order="descending"))[filled, "x"]
    assert data.values.tolist() == [2**53 + number for number in reversed(range(10))]


def test_blocking_columns_are_the_same(blocking: BlockingTelemetryClient, filled: int) -> None:
    answer = blocking.query_columns(device_ids=[filled])
    assert [(data.measurement, data.kind, len(data)) for data in answer] == [
        ("on", Kind.BOOLEAN, 10),
        ("x", Kind.INTEGER, 10),
    ]
    blocks = list(blocking.iter_columns(device_ids=[filled]))
    assert sum(map(len, blocks)) == 20


async def test_what_is_unknown_has_no_points(client: TelemetryClient) -> None:
    answer = await client.query_columns(device_ids=[2_000_000_000])
    assert (len(answer), (await client.query(device_ids=[2_000_000_000])).points) == (0, ())
    with pytest.raises(KeyError):
        answer[2_000_000_000, "x"]


async def test_aggregates_are_named_by_what_was_asked(
    client: TelemetryClient, blocking: BlockingTelemetryClient, filled: int
) -> None:
    answer = await client.aggregate(
        [Aggregation.SUM, "median", "first"],
        device_ids=[filled],
        measurements=["x"],
        start=START,
        end=START + 10 * STEP,
        window=5 * STEP,
    )
    first, second = answer.rows
    assert (first.window_start, first.window_end) == (START, START + 5 * STEP)
    assert first.values == {"sum": 5 * 2**53 + 10, "median": float(2**53 + 2), "first": 2**53}
    assert second.values[Aggregation.FIRST] == 2**53 + 5
    whole = blocking.aggregate(["count"], device_ids=[filled]).rows
    assert [(row.measurement, row.window_start, row.values) for row in whole] == [
        ("on", None, {"count": 10}),
        ("x", None, {"count": 10}),
    ]


async def test_series_and_their_latest_points_are_listed(client: TelemetryClient, filled: int) -> None:
    listed = (await client.list_series(device_ids=[filled])).series
    assert [(each.measurement, each.kind) for each in listed] == [("on", Kind.BOOLEAN), ("x", Kind.INTEGER)]
    assert {(each.first_time, each.last_time) for each in listed} == {(START, START + 9 * STEP)}
    latest = (await client.latest(device_ids=[filled], measurements=["x"])).points
    assert [point.value for point in latest] == [2**53 + 9]


async def test_a_range_is_deleted(client: TelemetryClient, filled: int) -> None:
    deleted = await client.delete(filled, measurements=["x"], start=START, end=START + 8 * STEP)
    assert deleted == (Store.POSTGRES,)
    answer = await client.query_columns(device_ids=[filled])
    assert {data.measurement: len(data) for data in answer} == {"on": 10, "x": 2}


async def test_devices_are_registered_and_listed(
    client: TelemetryClient, blocking: BlockingTelemetryClient, device: int
) -> None:
    registered = await client.register_device(device, 12_345)
    assert isinstance(registered, Device)
    assert blocking.list_devices(user_id=12_345).devices == (registered,)
    assert (await client.list_devices(page_size=1)).next_page_token


async def test_the_phase_is_shown(client: TelemetryClient, blocking: BlockingTelemetryClient) -> None:
    migration = await client.get_migration()
    assert migration.phase is Phase.DECOMMISSIONED
    assert migration.history[-1].epoch == 1
    assert {status.store for status in migration.stores if status.read} == {Store.POSTGRES}
    assert blocking.get_migration().history == migration.history


async def test_a_data_frame_keeps_integers_and_gaps(client: TelemetryClient, filled: int) -> None:
    await client.delete(filled, measurements=["x"], start=START, end=START + STEP)
    answer = await client.query_columns(device_ids=[filled])
    frame = answer.to_pandas()
    assert frame.index[0] == START
    assert frame[filled, "x"].isna().tolist() == [True] + [False] * 9
    assert frame[filled, "x"].iloc[1] == 2**53 + 1
    series = answer[filled, "on"].to_pandas()
    assert (series.name, series.index[-1].to_pydatetime()) == ("on", START + 9 * STEP)


async def test_without_pandas_the_error_names_the_extra(
    client: TelemetryClient, filled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await client.query_columns(device_ids=[filled])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"iotflow-telemetry\[pandas\]"):
        answer.to_pandas()
