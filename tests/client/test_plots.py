"""Queries by quality, by number of timestamps, and for plots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import BlockingTelemetryClient, Columns, InvalidArgumentError, TelemetryClient

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def filled(blocking: BlockingTelemetryClient, device: int) -> int:
    """A device with a thousand seconds of a wave and of text, every tenth of quality 3."""
    timestamps = [START + second * SECOND for second in range(1_000)]
    columns: dict[str, Any] = {"wave": np.sin(np.arange(1_000) / 50), "text": [str(row) for row in range(1_000)]}
    with blocking.write_stream() as stream:
        stream.send(Columns(device, timestamps, columns, quality=[3 if row % 10 == 0 else 0 for row in range(1_000)]))
    return device


async def test_records_are_chosen_by_their_quality(client: TelemetryClient, filled: int) -> None:
    points = [point async for point in client.iter_points(device_ids=[filled], quality_flags=[3], page_size=7)]
    assert len(points) == 200
    assert {point.quality_flag for point in points} == {3}
    wave = (await client.query_columns(device_ids=[filled], quality_flags=[3, 9]))[filled, "wave"]
    assert wave.timestamps.tolist() == [(START + row * 10 * SECOND).replace(tzinfo=None) for row in range(100)]
    (row, _) = (await client.aggregate(["count"], device_ids=[filled], quality_flags=[3])).rows
    assert row.values == {"count": 100}


async def test_a_page_without_a_match_is_not_the_last(client: TelemetryClient, filled: int) -> None:
    rare = START + 1_000 * SECOND
    async with client.write_stream() as stream:
        many = [rare + row * SECOND for row in range(12_000)]
        await stream.send(Columns(filled, many, {"x": np.zeros(12_000)}))
        await stream.send(Columns(filled, [many[-1] + SECOND], {"x": [1.0]}, quality=[7]))
    first = await client.query(device_ids=[filled], measurements=["x"], quality_flags=[7])
    assert (first.points, bool(first.next_page_token)) == ((), True)
    found = [point.value async for point in client.iter_points(device_ids=[filled], quality_flags=[7])]
    assert found == [1.0]


async def test_the_newest_timestamps_come_with_all_their_points(client: TelemetryClient, filled: int) -> None:
    asked: dict[str, Any] = {"device_ids": [filled], "order": "descending", "max_timestamps": 3}
    points = [point async for point in client.iter_points(page_size=4, **asked)]
    assert [(point.timestamp, point.measurement) for point in points] == [
        (START + row * SECOND, name) for row in (999, 998, 997) for name in ("wave", "text")
    ]
    columns = await client.query_columns(**asked)
    assert {data.measurement: len(data) for data in columns} == {"wave": 3, "text": 3}


@pytest.mark.parametrize("method", ["lttb", "min_max"])
async def test_a_plot_has_few_points_all_of_the_series(client: TelemetryClient, filled: int, method: str) -> None:
    asked: dict[str, Any] = {"device_ids": [filled], "measurements": ["wave"]}
    whole = (await client.query_columns(**asked))[filled, "wave"]
    few = (await client.query_columns(**asked, downsample_to=50, downsampling=method))[filled, "wave"]
    assert 25 <= len(few) <= 50
    points = dict(zip(whole.timestamps.tolist(), whole.values.tolist(), strict=True))
    assert [points[moment] for moment in few.timestamps.tolist()] == few.values.tolist()
    assert (few.values.max(), few.values.min()) == pytest.approx((1, -1), abs=0.01)


def test_the_blocking_client_plots_too(blocking: BlockingTelemetryClient, filled: int) -> None:
    blocks = list(
        blocking.iter_columns(device_ids=[filled], measurements=["wave"], order="descending", downsample_to=10)
    )
    (data,) = blocks
    assert len(data) == 10
    assert (np.diff(data.timestamps) < np.timedelta64(0)).all()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"downsample_to": 3}, "downsampling.max_points"),
        ({"downsample_to": 10, "downsampling": "mean"}, "downsampling"),
        ({"downsample_to": 10, "max_timestamps": 1}, "max_timestamps"),
        ({"max_timestamps": -1}, "max_timestamps"),
        ({"downsample_to": 10}, "downsampling"),
    ],
)
async def test_a_wrong_option_is_named(client: TelemetryClient, filled: int, options: Any, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as refusal:
        await client.query_columns(device_ids=[filled], **options)
    assert [violation.field for violation in refusal.value.violations] == [field]


async def test_series_are_counted_where_asked(client: TelemetryClient, filled: int) -> None:
    counted = await client.list_series(device_ids=[filled], count_points=True)
    assert {each.measurement: each.point_count for each in counted.series} == {"text": 1_000, "wave": 1_000}
    assert {each.point_count for each in (await client.list_series(device_ids=[filled])).series} == {None}
