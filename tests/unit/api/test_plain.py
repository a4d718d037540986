"""What is decoded plainly must be what careful decoding makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest
from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow.telemetry.v1.value_pb2 import ColumnBatch, TelemetryRecord, Value
from iotflow_server.api.column_heads import Shapes
from iotflow_server.api.decode_columns import DecodedColumns
from iotflow_server.api.decode_records import DecodedRecords
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.good_series import GoodSeries
from iotflow_server.api.messages import PlainColumnsMessage
from iotflow_server.api.plain_columns import PlainRules
from iotflow_server.api.plain_records import PlainRecords
from iotflow_server.api.stream_requests import StreamRequest, StreamRequests
from iotflow_server.api.wire_scan import UnusualError
from iotflow_server.stores.batch import Batch, Kind
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
    rows = draw(st.integers(0, 4) | st.sampled_from([20, 70]))
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


def requests_of(messages: Sequence[ColumnBatch]) -> st.SearchStrategy[WriteTelemetryStreamRequest]:
    return st.builds(
        WriteTelemetryStreamRequest,
        sequence=st.integers(0, 300),
        batches=st.just(messages),
        writer_id=st.sampled_from(["", "gateway"]),
        attempt=st.integers(-1, 3),
    )


requests = st.lists(batches(), max_size=3).flatmap(requests_of)


#: What it has learnt of one message must not mislead it about another.
parser = StreamRequests(PlainRules(LIMIT))


def parsed(raw: bytes) -> StreamRequest:
    return parser.parse(raw)


def is_alike(request: StreamRequest, sent: WriteTelemetryStreamRequest, precision_us: int) -> bool:
    """See that a request is what protobuf's parser reads, and return whether it was plain."""
    assert (request.sequence, request.writer_id, request.attempt) == (sent.sequence, sent.writer_id, sent.attempt)
    frame, rules = FrameBuilder(), DecodingRules(precision_us, LIMIT)
    points = request.message.add_plain(frame, rules)
    decoded = DecodedColumns(sent.batches, rules)
    assert shown(request.message.decode(rules).batches) == shown(decoded.batches)
    if points is None:
        assert len(frame) == 0
        return False
    assert (decoded.rejections, decoded.points) == ([], points)
    assert shown(frame.build()) == shown(decoded.batches)
    assert request.message.devices == {batch.device_id for batch in decoded.batches}
    return True


@given(requests, st.sampled_from([1, 1000]))
def test_plain_columns_are_what_careful_decoding_makes(sent: WriteTelemetryStreamRequest, precision_us: int) -> None:
    is_alike(parsed(sent.SerializeToString()), sent, precision_us)


@given(requests, st.data())
def test_changed_bytes_are_read_as_protobuf_does(sent: WriteTelemetryStreamRequest, data: st.DataObject) -> None:
    raw = bytearray(sent.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        first, last = sorted((data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, len(raw)))))
        raw[first : data.draw(st.sampled_from([first, first + 1, last]))] = data.draw(st.binary(max_size=2))
    try:
        expected = WriteTelemetryStreamRequest.FromString(bytes(raw))
    except DecodeError:
        with pytest.raises(DecodeError):
            parsed(bytes(raw))
    else:
        is_alike(parsed(bytes(raw)), expected, 1)


@given(requests, requests)
def test_requests_of_pieces_are_read_as_protobuf_does(
    one: WriteTelemetryStreamRequest, other: WriteTelemetryStreamRequest
) -> None:
    # Of two encodings behind each other the fields of the second win, or are added.
    raw = one.SerializeToString() + other.SerializeToString()
    is_alike(parsed(raw), WriteTelemetryStreamRequest.FromString(raw), 1)


@given(st.lists(records(), max_size=5))
def test_plain_records_are_what_careful_decoding_makes(messages: list[TelemetryRecord]) -> None:
    frame = FrameBuilder()
    points = PlainRecords(GoodSeries()).add(messages, RULES, 5, frame)
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
    sent = WriteTelemetryStreamRequest(sequence=1, batches=[message, message], writer_id="gateway", attempt=2)
    request = parsed(sent.SerializeToString())
    # A column without values is not.
    assert is_alike(request, sent, 1) == isinstance(request.message, PlainColumnsMessage) == (rows > len(missing))


@pytest.mark.parametrize("last", [1, 2, 0x7F])
def test_numbers_of_more_than_64_bits_are_cut_as_protobuf_does(last: int) -> None:
    number = b"\xff" * 9 + bytes([last])
    batch = b"\x08\x01\x1a\x10" + bytes(7) + b"\x01" + bytes(7) + b"\x02"
    column = b"\x0a\x01a\x12\x08" + bytes(8) + b"\x3a\x0a" + number
    batch += b"\x22" + bytes([len(column)]) + column
    raw = b"\x08" + number + b"\x12" + bytes([len(batch)]) + batch
    sent = WriteTelemetryStreamRequest.FromString(raw)
    assert parsed(raw).sequence == sent.sequence


def test_what_is_remembered_of_messages_is_bounded() -> None:
    shapes = Shapes()
    few = [(f"s{number}", Kind.NUMERIC) for number in range(256)]
    assert shapes.of(few) is shapes.of(list(few))
    many = [*few, ("s256", Kind.NUMERIC)]
    assert shapes.of(many) == tuple(many)
    assert len(shapes) == 1
    with pytest.raises(UnusualError):
        shapes.of([*many, many[0]])
