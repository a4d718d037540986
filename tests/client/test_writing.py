"""Records and what becomes of them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import (
    BlockingTelemetryClient,
    InvalidArgumentError,
    Json,
    Kind,
    Record,
    RejectionReason,
    Store,
    TelemetryClient,
    TimePrecision,
)

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

VALUES: list[tuple[Any, Kind, Any]] = [
    (1.5, Kind.NUMERIC, 1.5),
    (-0.0, Kind.NUMERIC, -0.0),
    (math.nan, Kind.NUMERIC, math.nan),
    (-math.inf, Kind.NUMERIC, -math.inf),
    (np.float32(0.1), Kind.NUMERIC, float(np.float32(0.1))),
    (2**53 + 1, Kind.INTEGER, 2**53 + 1),
    (-(2**63), Kind.INTEGER, -(2**63)),
    (np.int64(7), Kind.INTEGER, 7),
    (np.uint8(200), Kind.INTEGER, 200),
    ("", Kind.TEXT, ""),
    ("Grüße 🌡 {", Kind.TEXT, "Grüße 🌡 {"),
    (np.str_("x"), Kind.TEXT, "x"),
    (True, Kind.BOOLEAN, True),
    (np.bool_(False), Kind.BOOLEAN, False),
    ({"a": [1, None, 2**60]}, Kind.JSON, {"a": [1, None, 2**60]}),
    ([], Kind.JSON, []),
    (Json("text"), Kind.JSON, Json("text")),
    (Json(None), Kind.JSON, Json(None)),
    (Json({"a": 1}), Kind.JSON, {"a": 1}),
]


@pytest.mark.parametrize(("value", "kind", "expected"), VALUES, ids=[repr(value) for value, _, _ in VALUES])
async def test_a_value_is_read_back_as_it_was_written(
    client: TelemetryClient, device: int, value: Any, kind: Kind, expected: Any
) -> None:
    await client.write([Record(device, {"x": value}, AT)])
    (point,) = (await client.query(device_ids=[device])).points
    assert (point.timestamp, point.kind, type(point.value)) == (AT, kind, type(expected))
    # repr tells -0.0 from 0.0 and NaN from all else.
    assert repr(point.value) == repr(expected)


async def test_what_was_read_can_be_written_as_it_is(client: TelemetryClient, device: int) -> None:
    await client.write([Record(device, {str(row): value for row, (value, _, _) in enumerate(VALUES)}, AT)])
    points = (await client.query(device_ids=[device])).points
    await client.write([Record(device, {point.measurement: point.value for point in points}, AT)])
    again = (await client.query(device_ids=[device])).points
    assert list(map(repr, again)) == list(map(repr, points))


async def test_metadata_and_quality_come_with_the_points_of_their_record(client: TelemetryClient, device: int) -> None:
    metadata: dict[str, Any] = {"site": "north", "floor": 3, "tags": ["a"], "ok": True}
    await client.write([Record(device, {"x": 1.0}, AT, metadata, quality_flag=-2, user_id=77)])
    (point,) = (await client.latest(device_ids=[device])).points
    assert (point.metadata, point.quality_flag, point.user_id) == (metadata, -2, 77)


@pytest.mark.parametrize(
    "moment",
    [
        AT,
        AT.astimezone(timezone(timedelta(hours=-9))),
        np.datetime64("2026-01-02T03:04:05.678901"),
        np.datetime64("2026-01-02T03:04:05.678901999"),
        1_767_323_045_678_901,
        np.int64(1_767_323_045_678_901),
    ],
    ids=repr,
)
async def test_a_moment_is_the_same_in_every_form(client: TelemetryClient, device: int, moment: Any) -> None:
    await client.write([Record(device, {"x": 1}, moment)])
    (point,) = (await client.query(device_ids=[device], start=moment, end=AT + timedelta(microseconds=1))).points
    assert point.timestamp == AT


async def test_a_record_without_timestamp_has_the_servers_time(client: TelemetryClient, device: int) -> None:
    before = datetime.now(UTC)
    await client.write([Record(device, {"x": 1})])
    (point,) = (await client.query(device_ids=[device])).points
    assert before <= point.timestamp <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (Record(1, {"x": 1.0}, datetime(2026, 1, 1)), "records[1].timestamp"),
        (Record(1, {"x": 1.0}, np.datetime64("NaT")), "records[1].timestamp"),
        (Record(1, {"x": 1.0}, "yesterday"), "records[1].timestamp"),  # type: ignore[arg-type]
        (Record(1, {"x": 2**63}, AT), 'records[1].values["x"]'),
        (Record(1, {"x": None}, AT), 'records[1].values["x"]'),  # type: ignore[dict-item]
        (Record(1, {"x": b"raw"}, AT), 'records[1].values["x"]'),  # type: ignore[dict-item]
        (Record(1, {"x": [math.nan]}, AT), 'records[1].values["x"]'),
        (Record(1, {"x": "\ud800"}, AT), 'records[1].values["x"]'),
        (Record(1, {"x": 1}, AT, {"k": {1, 2}}), 'records[1].metadata["k"]'),  # type: ignore[dict-item]
        (Record(2**31, {"x": 1}, AT), "records[1].device_id"),
        (Record(1, {"x": 1}, AT, quality_flag=2**31), "records[1].quality_flag"),
    ],
    ids=repr,
)
async def test_what_cannot_be_sent_is_refused_by_its_field(client: TelemetryClient, record: Record, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        await client.write([Record(1, {"x": 1}, AT), record])
    assert [violation.field for violation in raised.value.violations] == [field]


def test_a_naive_datetime_is_refused_with_the_remedy(blocking: BlockingTelemetryClient) -> None:
    with pytest.raises(ValueError, match=r"records\[0\]\.timestamp: 2026-01-01 00:00:00 has no time zone: add one"):
        blocking.write([Record(1, {"x": 1}, datetime(2026, 1, 1))])


def test_points_that_are_not_stored_are_named_and_the_others_are_stored(
    blocking: BlockingTelemetryClient, device: int
) -> None:
    result = blocking.write([Record(device, {"x": 1.0, "meta_x": 2.0}, AT), Record(0, {"x": 1.0}, AT)])
    assert (result.accepted_points, result.stored_in) == (1, (Store.POSTGRES,))
    assert result.time_precision is TimePrecision.MICROSECOND
    assert [(each.index, each.reason) for each in result.rejections] == [
        (0, RejectionReason.NAME),
        (1, RejectionReason.DEVICE_ID),
    ]
    assert [point.value for point in blocking.iter_points(device_ids=[device])] == [1.0]
