from __future__ import annotations

import numpy as np

from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryResponse, Series
from iotflow.telemetry.v1.value_pb2 import Store, TelemetryPoint, Value, ValueKind
from iotflow_server.api.encode import page_response, series_message, store_messages
from iotflow_server.api.times import timestamp_message
from iotflow_server.query.metadata import RecordFacts
from iotflow_server.query.point_list import PointList
from iotflow_server.query.results import Page
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import Points, SeriesKey
from iotflow_server.stores.store import SeriesInfo
from tests.support.batches import batch
from tests.unit.api.parts import Registry


def test_a_point_has_its_records_metadata_and_its_devices_owner() -> None:
    measured = Points(
        [SeriesKey(1, "a"), SeriesKey(3, "b")],
        np.arange(2),
        np.array([-1, 1_500_000]),
        np.array([Kind.INTEGER, Kind.JSON], np.int8),
        np.array([2**63 - 1, "{}"], object),
    )
    facts = RecordFacts(Points.of([batch(1, [-1], meta_k=[False], meta_quality_flag=[7])]))
    answer = page_response(Page(PointList(measured, facts), "next", StoreName.IOTDB), Registry())
    message = QueryTelemetryResponse.FromString(answer.SerializeToString())
    assert (message.next_page_token, message.served_by) == ("next", Store.STORE_IOTDB)
    assert list(message.points) == [
        TelemetryPoint(
            device_id=1,
            measurement="a",
            timestamp=timestamp_message(-1),
            value=Value(integer=2**63 - 1),
            metadata={"k": Value(boolean=False)},
            quality_flag=7,
            user_id=5,
        ),
        TelemetryPoint(device_id=3, measurement="b", timestamp=timestamp_message(1_500_000), value=Value(json="{}")),
    ]


def test_a_moment_before_1970_has_positive_nanos() -> None:
    moment = timestamp_message(-1)
    assert (moment.seconds, moment.nanos) == (-1, 999_999_000)


def test_a_series_of_several_kinds_is_mixed() -> None:
    mixed, text = (series_message(SeriesInfo(1, "a", kind, 0, 1)) for kind in (None, Kind.TEXT))
    assert mixed.kind == ValueKind.VALUE_KIND_MIXED
    assert text == Series(
        device_id=1,
        measurement="a",
        kind=ValueKind.VALUE_KIND_TEXT,
        first_time=timestamp_message(0),
        last_time=timestamp_message(1),
    )


def test_stores_come_in_the_order_of_the_enum() -> None:
    assert store_messages([StoreName.POSTGRES, StoreName.IOTDB]) == store_messages(StoreName)
