from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection
from iotflow.telemetry.v1.value_pb2 import TelemetryRecord, Value
from iotflow_server.api.decode_records import DecodedRecords
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.times import timestamp_message
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import Kind
from tests.unit.api.held import cells

NOW = 1_700_000_000_123_456
RULES = DecodingRules(precision_us=1, max_text_bytes=100)


def record(timestamp: int | None = 5, device_id: int = 1, **values: Any) -> TelemetryRecord:
    message = TelemetryRecord(device_id=device_id)
    if timestamp is not None:
        message.timestamp.CopyFrom(timestamp_message(timestamp))
    for name, value in values.items():
        message.values[name].CopyFrom(value if isinstance(value, Value) else Value(numeric=value))
    return message


def only(decoded: DecodedRecords) -> Rejection:
    (rejection,) = decoded.rejections
    return rejection


values = st.one_of(
    st.builds(lambda v: Value(numeric=v), st.floats(allow_nan=False)),
    st.builds(lambda v: Value(integer=v), st.integers(-(2**63), 2**63 - 1)),
    st.builds(
        lambda v: Value(text=v), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
    ),
    st.builds(lambda v: Value(boolean=v), st.booleans()),
    st.just(Value(json='{"a": [1]}')),
)
records = st.builds(
    lambda device, time, values, quality: TelemetryRecord(
        device_id=device, timestamp=timestamp_message(time), values=values, quality_flag=quality
    ),
    st.integers(1, 3),
    st.integers(-3000, 3000),
    st.dictionaries(st.sampled_from("abc"), values, min_size=1, max_size=3),
    st.one_of(st.none(), st.integers(-9, 9)),
)


@given(st.lists(records, max_size=20), st.sampled_from([1, 1000]))
def test_batches_hold_what_writing_the_records_one_by_one_would(sent: list[TelemetryRecord], precision: int) -> None:
    expected: dict[tuple[int, str, int], tuple[Kind, Any]] = {}
    for message in sent:
        time = (message.timestamp.seconds * 10**6 + message.timestamp.nanos // 1000) // precision * precision
        for name, value in message.values.items():
            field = value.WhichOneof("kind")
            assert field is not None
            expected[message.device_id, name, time] = (Kind[field.upper()], getattr(value, field))
        if message.HasField("quality_flag"):
            expected[message.device_id, "meta_quality_flag", time] = (Kind.INTEGER, message.quality_flag)
    decoded = DecodedRecords(sent, DecodingRules(precision, 100), NOW)
    assert cells(decoded.batches) == expected
    assert decoded.points == sum(len(message.values) for message in sent)
    assert not decoded.rejections


def test_an_absent_timestamp_is_the_servers_time_at_the_precision() -> None:
    decoded = DecodedRecords([record(None, a=1)], DecodingRules(1000, 100), NOW)
    assert list(cells(decoded.batches)) == [(1, "a", NOW // 1000 * 1000)]


def test_metadata_becomes_series_with_a_prefix() -> None:
    message = record(a=1)
    message.metadata["site"].text = "north"
    held = cells(DecodedRecords([message], RULES, NOW).batches)
    assert held[1, "meta_site", 5] == (Kind.TEXT, "north")


@pytest.mark.parametrize(
    ("message", "field", "reason"),
    [
        (record(device_id=0, a=1), "records[0].device_id", RefusalReason.DEVICE_ID),
        (record(), "records[0].values", RefusalReason.SHAPE),
        (record(a=Value()), 'records[0].values["a"]', RefusalReason.VALUE),
        (record(a=Value(text="a\0")), 'records[0].values["a"]', RefusalReason.VALUE),
        (record(a=Value(text="ä" * 51)), 'records[0].values["a"]', RefusalReason.VALUE),
        (record(a=Value(json="{")), 'records[0].values["a"]', RefusalReason.VALUE),
        (record(meta_a=1), 'records[0].values["meta_a"]', RefusalReason.NAME),
        (record(**{"": 1}), 'records[0].values[""]', RefusalReason.NAME),
        (record(**{"a\0": 1}), 'records[0].values["a\\u0000"]', RefusalReason.NAME),
        (record(**{"n" * 101: 1}), 'records[0].values["' + "n" * 100 + '…"]', RefusalReason.NAME),
    ],
)
def test_a_bad_record_is_rejected_by_its_field(message: TelemetryRecord, field: str, reason: RefusalReason) -> None:
    rejection = only(DecodedRecords([message], RULES, NOW))
    assert (rejection.field, RefusalReason(rejection.reason)) == (field, reason)


@pytest.mark.parametrize(("seconds", "nanos"), [(-62_135_596_801, 0), (253_402_300_800, 0), (1, -1), (1, 10**9)])
def test_a_timestamp_out_of_range_is_rejected(seconds: int, nanos: int) -> None:
    message = record(a=1)
    message.timestamp.seconds, message.timestamp.nanos = seconds, nanos
    rejection = only(DecodedRecords([message], RULES, NOW))
    assert (rejection.field, rejection.point_count) == ("records[0].timestamp", 1)


def test_a_bad_value_leaves_the_rest_of_its_record() -> None:
    decoded = DecodedRecords([record(good=1, bad=Value())], RULES, NOW)
    assert list(cells(decoded.batches)) == [(1, "good", 5)]
    assert decoded.points == 1


def test_bad_metadata_leaves_the_points() -> None:
    message = record(a=1)
    message.metadata["quality_flag"].integer = 1
    decoded = DecodedRecords([message], RULES, NOW)
    assert (only(decoded).field, only(decoded).point_count) == ('records[0].metadata["quality_flag"]', 0)
    assert decoded.points == 1


def test_an_overwritten_value_of_another_kind_stays_in_an_earlier_batch() -> None:
    decoded = DecodedRecords([record(a=1), record(a=Value(text="x"))], RULES, NOW)
    assert [cells([batch]) for batch in decoded.batches] == [
        {(1, "a", 5): (Kind.NUMERIC, 1.0)},
        {(1, "a", 5): (Kind.TEXT, "x")},
    ]


def test_a_refusal_names_every_record_that_gave_the_cell() -> None:
    decoded = DecodedRecords([record(5, a=1), record(7, a=2), record(7, a=3)], RULES, NOW)
    refusal = Refusal(0, RefusalReason.TYPE, "no", "a", Kind.NUMERIC, np.array([1]))
    assert [r.field for r in decoded.rejections_of(refusal)] == ['records[1].values["a"]', 'records[2].values["a"]']


def test_a_refusal_of_a_whole_batch_counts_the_points_of_each_record() -> None:
    message = record(5, a=1, b=2)
    message.quality_flag = 3
    decoded = DecodedRecords([message, record(7, a=2)], RULES, NOW)
    rejections = list(decoded.rejections_of(Refusal(0, RefusalReason.UNKNOWN_DEVICE, "no")))
    assert [(r.field, r.point_count) for r in rejections] == [("records[0]", 2), ("records[1]", 1)]


def test_a_refusal_of_metadata_names_its_key_and_counts_no_point() -> None:
    message = record(a=1)
    message.metadata["k"].integer = 1
    message.quality_flag = 2
    decoded = DecodedRecords([message], RULES, NOW)
    fields = [
        (r.field, r.point_count)
        for name in ("meta_k", "meta_quality_flag")
        for r in decoded.rejections_of(Refusal(0, RefusalReason.NAME, "no", name))
    ]
    assert fields == [('records[0].metadata["k"]', 0), ("records[0].quality_flag", 0)]
