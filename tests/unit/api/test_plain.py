"""What is decoded plainly must be what careful decoding makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow.telemetry.v1.value_pb2 import ColumnBatch, TelemetryRecord, Value
from iotflow_server.api.decode_columns import DecodedColumns
from iotflow_server.api.decode_records import DecodedRecords
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.good_names import GoodNames
from iotflow_server.api.plain_columns import PlainColumns
from iotflow_server.api.plain_records import PlainRecords
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.frame_builder import FrameBuilder
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

LIMIT = 40
RULES = DecodingRules(1, LIMIT)

names = st.sampled_from(["a", "b", "c", "meta_x", "", "n" * 101, "ä"])
texts = st.sampled_from(["", "x", "é", "a\0", "y" * 9, "z" * 41, "ü" * 21])
moments = st.integers(0, 6) | st.sampled_from([MIN_TIMESTAMP, MIN_TIMESTAMP - 1, MAX_TIMESTAMP - 1, MAX_TIMESTAMP])
LISTS: dict[str, st.SearchStrategy[Any]] = {
    "numeric": st.floats(),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "text": texts,
    "boolean": st.booleans(),
    "json": st.sampled_from(["{}", "[1]", "nope"]),
}


@st.composite
def columns(draw: st.DrawFn, rows: int) -> ColumnMessage:
    missing = draw(st.just([]) | st.lists(st.integers(0, rows), max_size=3))
    filled = rows - len(missing) + draw(st.sampled_from([0, 0, 0, 0, 1]))
    field = draw(st.sampled_from(list(LISTS)))
    values = draw(st.lists(LISTS[field], min_size=max(filled, 0), max_size=max(filled, 0)))
    return ColumnMessage(name=draw(names), missing_rows=missing, **{field: values})


@st.composite
def batches(draw: st.DrawFn) -> ColumnBatch:
    rows = draw(st.integers(0, 4) | st.just(20))
    ascending = draw(st.integers(0, 3))
    moment = st.just([10 * n for n in range(rows)]) if ascending else st.lists(moments, min_size=rows, max_size=rows)
    return ColumnBatch(
        device_id=draw(st.sampled_from([1, 2, 0])),
        timestamps=draw(moment),
        columns=draw(st.lists(columns(rows), max_size=3)),
        metadata=draw(st.just([]) | st.lists(columns(rows), max_size=1)),
        quality_flags=draw(st.just([]) | st.lists(st.integers(0, 3), min_size=rows, max_size=rows)),
    )


@st.composite
def records(draw: st.DrawFn) -> TelemetryRecord:
    values = st.dictionaries(names, st.sampled_from([Value(), Value(text="a\0"), Value(json="{}")]) | plain_values)
    record = TelemetryRecord(device_id=draw(st.sampled_from([1, 2])), values=draw(values))
    if draw(st.booleans()):
        record.timestamp.CopyFrom(
            Timestamp(seconds=draw(st.integers(0, 3)), nanos=draw(st.sampled_from([0, 1500, -1])))
        )
    if draw(st.booleans()):
        record.quality_flag = draw(st.integers(0, 3))
    for key, value in draw(st.dictionaries(names, plain_values, max_size=1)).items():
        record.metadata[key].CopyFrom(value)
    return record


plain_values = (
    st.floats().map(lambda value: Value(numeric=value))
    | st.integers(-9, 9).map(lambda value: Value(integer=value))
    | st.booleans().map(lambda value: Value(boolean=value))
    | st.just(Value(text="t"))
)


def shown(batches: Sequence[Batch]) -> list[Any]:
    return [
        (
            batch.device_id,
            batch.timestamps.tolist(),
            sorted(
                (column.name, column.kind, column.of_rows(batch.timestamps).tolist(), list(map(repr, column.values)))
                for column in batch.columns
            ),
        )
        for batch in batches
    ]


@given(st.lists(batches(), max_size=3), st.sampled_from([1, 1000]))
def test_plain_columns_are_what_careful_decoding_makes(messages: list[ColumnBatch], precision_us: int) -> None:
    frame = FrameBuilder()
    points = PlainColumns(GoodNames(), LIMIT).add(messages, precision_us, frame)
    decoded = DecodedColumns(messages, DecodingRules(precision_us, LIMIT))
    if points is None:
        assert len(frame) == 0
        return
    assert (decoded.rejections, decoded.points) == ([], points)
    assert shown(frame.build()) == shown(decoded.batches)


@given(st.lists(records(), max_size=5))
def test_plain_records_are_what_careful_decoding_makes(messages: list[TelemetryRecord]) -> None:
    frame = FrameBuilder()
    points = PlainRecords(GoodNames()).add(messages, RULES, 5, frame)
    decoded = DecodedRecords(messages, RULES, 5)
    if points is None:
        assert len(frame) == 0
        return
    assert (decoded.rejections, decoded.points) == ([], points)
    assert shown(frame.build()) == shown(decoded.batches)


@pytest.mark.parametrize("rows", [1, 2, 20])
@pytest.mark.parametrize("missing", [[], [0]])
def test_what_fleets_send_is_plain(rows: int, missing: list[int]) -> None:
    message = ColumnBatch(
        device_id=7,
        timestamps=range(rows),
        columns=[
            ColumnMessage(name="full", text=["é"] * rows),
            ColumnMessage(name="sparse", numeric=[1.5] * (rows - len(missing)), missing_rows=missing),
        ],
        metadata=[ColumnMessage(name="firmware", text=["1.2"] * rows)],
        quality_flags=[3] * rows,
    )
    is_plain = PlainColumns(GoodNames(), 1000).add([message], 1, FrameBuilder()) is not None
    # A column without values is not.
    assert is_plain == (rows > len(missing))
