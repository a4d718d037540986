"""What is further ahead of the server's clock than is allowed is refused, and nothing else of its message."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch, TelemetryRecord, Value
from iotflow_server.api.decode_columns import DecodedColumns
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.plain_columns import PlainRules
from iotflow_server.api.stream_requests import StreamRequests
from iotflow_server.api.times import timestamp_message
from iotflow_server.routing.refusal import RefusalReason
from iotflow_server.stores.frame_builder import FrameBuilder
from tests.unit.api.held import cells
from tests.unit.api.parts import Registry, running

LEAD = 3600.0
SECOND = 1_000_000
TOO_LATE = 253_402_300_800_000_000
NOW = 1_700_000_000_123_456
LAST = NOW + int(LEAD) * SECOND
RULES = DecodingRules(1, 100, LEAD, LAST + 1)


def columns(*timestamps: int, device_id: int = 1, **missing: list[int]) -> ColumnBatch:
    names = missing or {"a": []}
    listed = [
        Column(name=name, numeric=range(len(timestamps) - len(rows)), missing_rows=rows) for name, rows in names.items()
    ]
    return ColumnBatch(device_id=device_id, timestamps=timestamps, columns=listed)


def record(timestamp: int | None, device_id: int = 1) -> TelemetryRecord:
    moment = None if timestamp is None else timestamp_message(timestamp)
    return TelemetryRecord(device_id=device_id, timestamp=moment, values={"a": Value(numeric=1), "b": Value(numeric=2)})


def ahead(hours: float) -> int:
    return time.time_ns() // 1000 + int(hours * 3600) * SECOND


def test_without_a_limit_every_moment_up_to_the_year_9999_is_taken() -> None:
    assert DecodingRules(1, 100).as_of_now() == DecodingRules(1, 100)
    assert DecodedColumns([columns(TOO_LATE - 1)], DecodingRules(1, 100)).points == 1


def test_the_limit_goes_with_the_clock() -> None:
    before = time.time_ns() // 1000
    rules = DecodingRules(1, 100, LEAD).as_of_now()
    after = time.time_ns() // 1000
    assert before < rules.end - int(LEAD) * SECOND <= after + 1
    assert DecodingRules(1, 100, 1e300).as_of_now().end == TOO_LATE


@pytest.mark.parametrize("precision_us", [1, 1000])
@pytest.mark.parametrize("rows", [1, 100])
def test_plain_columns_up_to_the_limit_stay_plain(rows: int, precision_us: int) -> None:
    rules = DecodingRules(precision_us, 100, LEAD, LAST + 1)
    for last, points in ((LAST, rows), (LAST + 1000, None)):
        sent = columns(*range(last - rows + 1, last + 1)) if precision_us == 1 else columns(last)
        raw = pb.WriteTelemetryStreamRequest(batches=[sent]).SerializeToString()
        added = StreamRequests(PlainRules(100)).parse(raw).message.add_plain(FrameBuilder(), rules)
        assert added == (len(sent.timestamps) if points else None)
        assert bool(DecodedColumns([sent], rules).rejections) == (points is None)


def test_rows_too_far_ahead_are_told_from_those_out_of_range() -> None:
    sent = columns(LAST, TOO_LATE, LAST + 2, LAST + 1, NOW, a=[], b=[1, 2])
    decoded = DecodedColumns([sent], RULES)
    assert {(name, moment) for _, name, moment in cells(decoded.batches)} == {
        ("a", LAST),
        ("a", NOW),
        ("b", LAST),
        ("b", NOW),
    }
    out, late = decoded.rejections
    assert {(each.field, each.reason) for each in decoded.rejections} == {
        ("batches[0].timestamps", int(RefusalReason.TIMESTAMP))
    }
    assert (list(out.rows), out.point_count, out.message) == (
        [1],
        1,
        "a timestamp must be within the years 1 to 9999 (UTC)",
    )
    assert (list(late.rows), late.point_count) == ([2, 3], 3)
    assert late.message == (
        "2023-11-14T23:13:20.123458Z is more than 3600 s ahead of the server's clock (IOTFLOW_MAX_FUTURE_SECONDS)"
    )


async def test_a_record_too_far_ahead_is_rejected_alone_and_registers_no_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registered: list[int] = []

    async def register_unknown(_: Registry, devices: Mapping[int, int]) -> frozenset[int]:
        registered.extend(devices)
        return frozenset()

    monkeypatch.setattr(Registry, "register_unknown", register_unknown)
    async with running(max_future_seconds=LEAD) as edge:
        late = ahead(2)
        records = [record(ahead(0.5)), record(late), record(None, device_id=20), record(ahead(1000), device_id=21)]
        answer = await edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=records))
        assert answer.accepted_points == 4
        assert [(each.field, each.point_count, each.reason) for each in answer.rejections] == [
            ("records[1].timestamp", 2, pb.REJECTION_REASON_TIMESTAMP),
            ("records[3].timestamp", 2, pb.REJECTION_REASON_TIMESTAMP),
        ]
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=late)
        assert f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z is more than 3600 s ahead" in answer.rejections[0].message
        assert registered == [20]


async def test_a_single_record_and_columns_of_a_stream_are_held_to_it_too() -> None:
    async with running(max_future_seconds=LEAD) as edge:
        answer = await edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=[record(ahead(2))]))
        assert (answer.accepted_points, len(answer.rejections), list(answer.stored_in)) == (0, 1, [])
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(pb.WriteTelemetryStreamRequest(sequence=1, batches=[columns(ahead(0), ahead(2))]))
        acknowledged: Any = await call.read()
        assert acknowledged.accepted_points == 1
        assert [(list(each.rejection.rows), each.rejection.reason) for each in acknowledged.rejections] == [
            ([1], pb.REJECTION_REASON_TIMESTAMP)
        ]
        await call.done_writing()
