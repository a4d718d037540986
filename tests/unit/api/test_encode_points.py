"""Points written as bytes are the messages that they would be."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryResponse
from iotflow.telemetry.v1.value_pb2 import TelemetryPoint
from iotflow_server.api.encode_points import is_fixed, point_bytes
from iotflow_server.api.times import timestamp_message
from iotflow_server.api.values import value_message
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import Points, SeriesKey
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

FIELD = QueryTelemetryResponse.POINTS_FIELD_NUMBER
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


def test_texts_and_json_are_left_to_messages() -> None:
    each = {kind: is_fixed(points_of([(1, "a", 0, (kind, ""), 0)])) for kind in Kind}
    assert [kind for kind in Kind if not each[kind]] == [Kind.TEXT, Kind.JSON]
