from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch
from iotflow_server.api.decode_columns import DecodedColumns
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import Kind
from tests.unit.api.held import cells

RULES = DecodingRules(precision_us=1, max_text_bytes=100)
TOO_LATE = 253_402_300_800_000_000


def batch(timestamps: list[int], *columns: Column, **fields: Any) -> ColumnBatch:
    return ColumnBatch(device_id=1, timestamps=timestamps, columns=columns, **fields)


def decode(*messages: ColumnBatch, precision_us: int = 1) -> DecodedColumns:
    return DecodedColumns(messages, DecodingRules(precision_us, 100))


def held(decoded: DecodedColumns) -> dict[tuple[str, int], Any]:
    return {(name, time): value for (_, name, time), (_, value) in cells(decoded.batches).items()}


times = st.one_of(st.integers(-5000, 5000), st.sampled_from([-(2**63), TOO_LATE, 2**63 - 1]))
tables = st.lists(
    st.tuples(times, st.one_of(st.none(), st.integers()), st.one_of(st.none(), st.sampled_from(["x", "ü", "bad\0"]))),
    max_size=20,
)


@given(tables, st.sampled_from([1, 1000]))
def test_columns_hold_what_writing_their_rows_one_by_one_would(rows: list[tuple[Any, ...]], precision: int) -> None:
    numbers, texts = [row[1] for row in rows], [row[2] for row in rows]
    message = batch(
        [row[0] for row in rows],
        Column(
            name="n",
            numeric=[float(n % 1000) for n in numbers if n is not None],
            missing_rows=[row for row, n in enumerate(numbers) if n is None],
        ),
        Column(
            name="t",
            text=[t for t in texts if t is not None],
            missing_rows=[row for row, t in enumerate(texts) if t is None],
        ),
    )
    expected: dict[tuple[str, int], Any] = {}
    points = 0
    for time, number, text in rows:
        if time >= TOO_LATE or time == -(2**63):
            continue
        floored = time // precision * precision
        if number is not None:
            expected["n", floored] = float(number % 1000)
        if text is not None and "\0" not in text:
            expected["t", floored] = text
        points += (number is not None) + (text is not None and "\0" not in text)
    decoded = decode(message, precision_us=precision)
    sent = sum(value is not None for row in rows for value in row[1:])
    assert held(decoded) == expected
    assert decoded.points == points
    assert decoded.points + sum(rejection.point_count for rejection in decoded.rejections) == sent
    assert set(np.concatenate([b.timestamps for b in decoded.batches] or [np.array([], int)]).tolist()) == {
        time for _, time in expected
    }


@pytest.mark.parametrize(
    ("column", "field"),
    [
        (Column(name="b", numeric=[1]), "numeric"),
        (Column(name="b"), "numeric"),
        (Column(name="b", numeric=[1, 2], text=["x", "y"]), "text"),
        (Column(name="b", numeric=[1], missing_rows=[2]), "missing_rows"),
        (Column(name="b", missing_rows=[1, 0]), "missing_rows"),
        (Column(name="b", missing_rows=[0, 0]), "missing_rows"),
        (Column(name="a", numeric=[1, 2]), "name"),
        (Column(name="meta_b", numeric=[1, 2]), "name"),
        (Column(name="", numeric=[1, 2]), "name"),
    ],
)
def test_a_column_that_does_not_fit_is_rejected_alone(column: Column, field: str) -> None:
    decoded = decode(batch([1, 2], Column(name="a", boolean=[True, False]), column))
    assert [rejection.field for rejection in decoded.rejections] == [f"batches[0].columns[1].{field}"]
    assert held(decoded) == {("a", 1): True, ("a", 2): False}


@pytest.mark.parametrize(
    ("message", "field", "reason"),
    [
        (ColumnBatch(timestamps=[1], columns=[Column(name="a", numeric=[1])]), ".device_id", RefusalReason.DEVICE_ID),
        (batch([1]), "", RefusalReason.SHAPE),
        (batch([], Column(name="a")), "", RefusalReason.SHAPE),
        (batch([1], Column(name="a", missing_rows=[0])), "", RefusalReason.SHAPE),
    ],
)
def test_a_batch_without_device_or_values_is_rejected(message: ColumnBatch, field: str, reason: RefusalReason) -> None:
    decoded = decode(message)
    assert [(r.field, RefusalReason(r.reason)) for r in decoded.rejections] == [(f"batches[0]{field}", reason)]
    assert decoded.batches == []


def test_quality_and_metadata_become_series_and_their_faults_spare_the_points() -> None:
    decoded = decode(
        batch(
            [1, 2],
            Column(name="a", integer=[3, 4]),
            metadata=[Column(name="k", text=["x"], missing_rows=[0])],
            quality_flags=[7, 8],
        ),
        batch(
            [9],
            Column(name="a", integer=[5]),
            metadata=[Column(name="quality_flag", integer=[1])],
            quality_flags=[1, 2],
        ),
    )
    assert held(decoded) == {
        ("a", 1): 3, ("a", 2): 4, ("a", 9): 5,
        ("meta_k", 2): "x", ("meta_quality_flag", 1): 7, ("meta_quality_flag", 2): 8,
    }  # fmt: skip
    assert [(r.field, r.point_count) for r in decoded.rejections] == [
        ("batches[1].metadata[0].name", 0),
        ("batches[1].quality_flags", 0),
    ]
    assert decoded.points == 3


def test_a_refusal_names_the_rows_as_sent() -> None:
    rows = batch([30, TOO_LATE, 10, 30, 20], Column(name="a", json=["1", "2", "{", "3"], missing_rows=[4]))
    decoded = decode(rows)
    assert [(r.field, list(r.rows)) for r in decoded.rejections] == [
        ("batches[0].columns[0]", [2]),
        ("batches[0].timestamps", [1]),
    ]
    (rejection,) = decoded.rejections_of(Refusal(0, RefusalReason.TYPE, "no", "a", Kind.JSON, np.array([0])))
    assert (list(rejection.rows), rejection.point_count) == ([0, 3], 2)


def test_a_refusal_of_a_column_or_batch_names_no_rows() -> None:
    decoded = decode(batch([1]), batch([2, 1], Column(name="a", numeric=[1, 2]), Column(name="b", text=["x", "y"])))
    (column,) = decoded.rejections_of(Refusal(0, RefusalReason.NAME, "no", "b"))
    (whole,) = decoded.rejections_of(Refusal(0, RefusalReason.UNKNOWN_DEVICE, "no"))
    assert (column.field, column.index, column.point_count, list(column.rows)) == ("batches[1].columns[1]", 1, 2, [])
    assert (whole.field, whole.point_count, list(whole.rows)) == ("batches[1]", 4, [])
