"""Points written as bytes are the messages that they would be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryResponse
from iotflow.telemetry.v1.value_pb2 import TelemetryPoint
from iotflow_server.api.encode_few import few_points_bytes
from iotflow_server.api.encode_numbers import number_bytes
from iotflow_server.api.encode_points import is_fixed, point_bytes
from iotflow_server.api.times import timestamp_message
from iotflow_server.api.values import value_message
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import Points, SeriesKey
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

FIELD = QueryTelemetryResponse.POINTS_FIELD_NUMBER
_DAY_OF_THIS_CENTURY = 1_700_000_000_000_000
Row = tuple[int, str, int, tuple[Kind, Any], int]

moments = st.one_of(
    st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP - 1), st.sampled_from([MIN_TIMESTAMP, 0, 1, -1, 1_000_000])
)
values = st.one_of(
    st.floats().map(lambda value: (Kind.NUMERIC, value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (Kind.INTEGER, value)),
    st.booleans().map(lambda value: (Kind.BOOLEAN, value)),
)
rows = st.tuples(
    st.integers(1, 2**31 - 1) | st.integers(1, 200),
    st.text(min_size=1, max_size=100),
    moments,
    values,
    st.integers(0, 2**31 - 1),
)


def points_of(found: list[Row]) -> Points:
    return Points(
        [SeriesKey(device, name) for device, name, *_ in found],
        np.arange(len(found)),
        np.array([moment for _, _, moment, _, _ in found], np.int64),
        np.array([kind for _, _, _, (kind, _), _ in found], np.int8),
        np.array([value for _, _, _, (_, value), _ in found], object),
    )


def message_of(row: Row, owners: dict[int, int]) -> TelemetryPoint:
    device, name, moment, value, _ = row
    return TelemetryPoint(
        device_id=device,
        measurement=name,
        timestamp=timestamp_message(moment),
        value=value_message(*value),
        user_id=owners[device],
    )


@given(st.lists(rows, min_size=1, max_size=8))
@example([(1, "a", 0, (Kind.NUMERIC, -0.0), 0), (128, "b", -1, (Kind.BOOLEAN, False), 1)])
@example([(1, "a", 0, (Kind.INTEGER, 0), 0)])
def test_the_bytes_are_those_of_the_messages(found: list[Row]) -> None:
    owners = {device: owner for device, *_, owner in found}
    expected = QueryTelemetryResponse(points=[message_of(row, owners) for row in found])
    assert point_bytes(points_of(found), owners.__getitem__, FIELD) == expected.SerializeToString()


#: Such as nearly all are: doubles of this century, of few series.
numbers = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(_DAY_OF_THIS_CENTURY, _DAY_OF_THIS_CENTURY + 10)
        | st.integers(1 << 28, (1 << 35) - 1).map(lambda second: second * 1_000_000)
        | st.integers(1 << 48, 1 << 54),
        st.floats(),
    ),
    min_size=1,
    max_size=30,
)
series = st.lists(st.tuples(st.integers(1, 2**31 - 1), st.text(min_size=1, max_size=30)), min_size=4, max_size=4)


@given(series, st.lists(st.integers(0, 2**31 - 1), min_size=4, max_size=4), numbers)
@example([(1, "a")] * 4, [1] * 4, [(0, 1_700_000_000_000_000, 1.0)])
@example([(1, "a"), (1, "aa"), (1, "b"), (2, "b")], [0, 0, 0, 300], [(n, 1_700_000_000_000_000, 1.0) for n in range(4)])
@example([(1, "a")] * 4, [1] * 4, [(0, 1_700_000_000_000_000 + n * 999_999 // 3, 1.0) for n in range(4)])
def test_the_bytes_of_doubles_are_those_of_the_messages(
    keys: list[tuple[int, str]], users: list[int], found: list[tuple[int, int, float]]
) -> None:
    owners = {device: user for (device, _), user in zip(keys, users, strict=True)}
    points = Points(
        [SeriesKey(*key) for key in keys],
        np.array([index for index, _, _ in found]),
        np.array([moment for _, moment, _ in found], np.int64),
        np.full(len(found), Kind.NUMERIC, np.int8),
        np.array([value for _, _, value in found]),
    )
    rows = [(*keys[index], moment, (Kind.NUMERIC, value), 0) for index, moment, value in found]
    expected = QueryTelemetryResponse(points=[message_of(row, owners) for row in rows])
    assert point_bytes(points, owners.__getitem__, FIELD) == expected.SerializeToString()
    assert few_points_bytes(points, owners.__getitem__, FIELD) == expected.SerializeToString()


def test_usual_doubles_are_written_as_a_table() -> None:
    points = Points(
        [SeriesKey(1, "temperature"), SeriesKey(1, "power")],
        np.array([0, 1]),
        np.full(2, 1_700_000_000_500_000),
        np.full(2, Kind.NUMERIC, np.int8),
        np.array([1.5, 2.5]),
    )
    assert number_bytes(points, [7, 7], FIELD) == point_bytes(points, lambda _: 7, FIELD)
    assert number_bytes(replace(points, values=np.array([1, 2])), [7, 7], FIELD) is None
    assert number_bytes(replace(points, timestamps=np.array([0, 1])), [7, 7], FIELD) is None
    assert number_bytes(replace(points, series=[SeriesKey(1, "x" * 100)] * 2), [7, 7], FIELD) is None


few_values = values | st.sampled_from([Kind.TEXT, Kind.JSON]).flatmap(
    lambda kind: st.text(max_size=200).map(lambda value: (kind, value))
)


@given(st.lists(st.tuples(st.integers(1, 2**31 - 1), st.text(min_size=1), moments, few_values, st.just(0)), max_size=8))
def test_a_few_points_of_any_kind_are_their_messages_too(found: list[Row]) -> None:
    owners = {device: device % 3 for device, *_ in found}
    expected = QueryTelemetryResponse(points=[message_of(row, owners) for row in found])
    assert few_points_bytes(points_of(found), owners.__getitem__, FIELD) == expected.SerializeToString()


def test_texts_and_json_are_left_to_messages() -> None:
    each = {kind: is_fixed(points_of([(1, "a", 0, (kind, ""), 0)])) for kind in Kind}
    assert [kind for kind in Kind if not each[kind]] == [Kind.TEXT, Kind.JSON]
