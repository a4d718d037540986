"""The encoded rows are read back by the rules of the format, field by field."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres.gathering import copy_chunks, point_at, tables_of
from iotflow_server.stores.postgres.point_rows import COLUMNS
from iotflow_server.stores.postgres.rows import HEADER, TRAILER

VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.NUMERIC: st.floats(allow_nan=False),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.BOOLEAN: st.booleans(),
    Kind.TEXT: st.text(st.characters(codec="utf-8"), max_size=6),
    Kind.JSON: st.sampled_from(['{"a":1}', "[]", '"ä"', "null"]),
}
READ: dict[str, Callable[[bytes], Any]] = {
    "numeric_value": lambda field: struct.unpack(">d", field)[0],
    "integer_value": lambda field: struct.unpack(">q", field)[0],
    "boolean_value": lambda field: field == b"\1",
    "text_value": bytes.decode,
    "json_value": lambda field: field[1:].decode(),
}
NAMES = {
    Kind.NUMERIC: "numeric_value", Kind.INTEGER: "integer_value", Kind.BOOLEAN: "boolean_value",
    Kind.TEXT: "text_value", Kind.JSON: "json_value",
}  # fmt: skip


def rows_in(payload: bytes) -> Iterator[dict[str, bytes]]:
    assert payload.startswith(HEADER)
    assert payload.endswith(TRAILER)
    at = len(HEADER)
    while payload[at : at + 2] != TRAILER:
        assert payload[at : at + 2] == len(COLUMNS).to_bytes(2, "big")
        at += 2
        row = {}
        for column in COLUMNS:
            length = int.from_bytes(payload[at : at + 4], "big", signed=True)
            at += 4
            if length >= 0:
                row[column] = payload[at : at + length]
                at += length
        yield row


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    batches = []
    for device_id in (1, 2, 3)[: draw(st.integers(1, 3))]:
        count = draw(st.integers(1, 90))
        columns = []
        for kind in draw(st.sets(st.sampled_from(list(VALUES)), min_size=1)):
            rows = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))
            values = np.empty(len(rows), kind.dtype)
            values[:] = [draw(VALUES[kind]) for _ in rows]
            columns.append(Column(kind.name.lower(), kind, values, np.array(rows)))
        if draw(st.booleans()):
            columns.append(Column("meta_fw", Kind.TEXT, np.array(["v1"], object), np.array([0])))
        batches.append(Batch(device_id, np.arange(count) * 1000, tuple(columns)))
    return Frame.of(batches).resolved()


@given(frames())
def test_every_point_is_a_row_of_its_own_values(frame: Frame) -> None:
    owners = {1: 0, 2: 7, 3: 9}
    payload = b"".join(copy_chunks(frame, owners.__getitem__, "telemetry_data"))
    found = {}
    for line, row in enumerate(rows_in(payload), 1):
        device_id, name = int.from_bytes(row["device_id"], "big"), row["measurement_name"].decode()
        timestamp = struct.unpack(">q", row["timestamp"])[0] + 946_684_800_000_000
        assert int.from_bytes(row.get("user_id", b"\0"), "big") == owners[device_id]
        assert row.get("metadata") in ((b'\1{"fw":"v1"}', None) if timestamp == 0 else (None,))
        column = NAMES[Kind[name.upper()]]
        found[device_id, name, timestamp] = READ[column](row[column])
        key = point_at(frame, owners.__getitem__, "telemetry_data", line)
        assert key is not None
        assert (key.device_id, key.measurement, key.timestamp) == (device_id, name, timestamp)
    assert found == {
        (batch.device_id, column.name, timestamp): value
        for batch in frame
        for column in batch.columns
        if not column.name.startswith("meta_")
        for timestamp, value in zip(column.of_rows(batch.timestamps).tolist(), column.values.tolist(), strict=True)
    }


@pytest.mark.parametrize("lengths", [[3] * 200, list(range(200)), [0, 1, 100_000]])
def test_texts_of_any_lengths_are_rows(lengths: list[int]) -> None:
    texts = np.array(["ä" * length for length in lengths], object)
    frame = Frame.of([Batch(1, np.arange(len(texts)), (Column("t", Kind.TEXT, texts),))])
    payload = b"".join(copy_chunks(frame, lambda _: 0, "telemetry_data"))
    assert sorted(row["text_value"].decode() for row in rows_in(payload)) == sorted(texts)


def test_metadata_goes_to_a_table_of_its_own() -> None:
    fact = Column("meta_a", Kind.INTEGER, np.array([1]), np.array([0]))
    frame = Frame.of([Batch(1, np.array([1, 2]), (Column("a", Kind.NUMERIC, np.array([1.0, 2.0])), fact))])
    assert tables_of(frame) == ["telemetry_data", "telemetry_metadata"]
