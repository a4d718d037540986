"""Queries that ask for what cannot be answered are told so, with the field, and harm nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import BadRequest

from iotflow.telemetry.v1.telemetry_service_pb2 import (
    AggregateTelemetryRequest,
    AggregateTelemetryResponse,
    GetLatestTelemetryRequest,
    GetLatestTelemetryResponse,
    ListSeriesRequest,
    ListSeriesResponse,
    QueryTelemetryStreamRequest,
    TelemetryFilter,
)
from iotflow_server.local.postgres import LocalPostgres
from tests.support.postgres import database
from tests.support.service import Caller, record, service, settings_of
from tests.unit.api.statuses import failure_of

MS = 1_700_000_000_000
NUMBERS, TEXTS, MIXED, POOR_USER, RICH_USER = 1, 2, 3, 70, 80
BOUNDED = {"device_ids": [NUMBERS], "start_time": "2023-11-14T22:13:00Z", "end_time": "2023-11-14T22:15:00Z"}
ONE_SERIES = {"device_ids": [NUMBERS], "measurements": ["a"]}


@pytest.fixture(scope="module")
async def asked(postgres_server: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    """A service with low limits that holds numbers, texts, and a series of both."""
    limits: dict[str, Any] = {"max_aggregate_points": 50, "max_aggregate_rows": 20, "max_devices_per_query": 3}
    folder: Path = tmp_path_factory.mktemp("asked")
    async with database(postgres_server) as dsn, service(settings_of(folder, dsn, **limits)) as caller:
        await caller.write(*(record(NUMBERS, MS + row, {"a": float(row)}) for row in range(40)))
        await caller.write(*(record(NUMBERS, MS + row, {"b": float(row)}) for row in range(40)))
        await caller.write(record(TEXTS, MS, {"state": "on"}), record(TEXTS, MS + 1, {"state": "off"}))
        await caller.write(record(MIXED, MS, {"x": 1.5}), record(MIXED, MS + 1, {"x": "off"}))
        await caller.write(*(record(device, MS, {"a": 0.0}, user_id=RICH_USER) for device in range(81, 85)))
        yield caller


def aggregate(caller: Caller, *aggregations: str, device: int = NUMBERS, **fields: Any) -> Any:
    fields.setdefault("filter", {"device_ids": [device]})
    sent = {"aggregations": [f"AGGREGATION_{name}" for name in aggregations], **fields}
    return caller.telemetry.AggregateTelemetry(json_format.ParseDict(sent, AggregateTelemetryRequest()), timeout=60)


@pytest.mark.parametrize(
    ("aggregations", "fields", "field", "words"),
    [
        (["COUNT"], {"filter": BOUNDED, "window": "121s"}, "window", "120"),
        (
            ["COUNT"],
            {"filter": ONE_SERIES, "window": "0.001s"},
            "filter",
            "longer",
        ),
        (
            ["COUNT"],
            {"filter": BOUNDED, "window": "0.001s", "fill": "FILL_NULL"},
            "filter",
            "20",
        ),
        (["COUNT"], {}, "filter", "read the points themselves with QueryTelemetryStream"),
        (["COUNT"], {"calendar_window": {"unit": 1, "time_zone": "Mars/Base"}}, "calendar_window.time_zone", "Mars"),
        (["MEAN"], {"device": TEXTS}, "aggregations", "'state' of device 2 holds TEXT"),
        (["MEAN"], {"device": MIXED}, "aggregations", "'x' of device 3 holds TEXT"),
        (["COUNT"], {"filter": {"device_ids": [1, 2, 3, 4]}}, "filter.device_ids", "IOTFLOW_MAX_DEVICES_PER_QUERY"),
        (["COUNT"], {"filter": {"user_id": RICH_USER}}, "filter.user_id", "user 80 has 4 devices; at most 3"),
    ],
)
async def test_an_aggregation_that_cannot_be_answered_names_its_field(
    asked: Caller, aggregations: list[str], fields: dict[str, Any], field: str, words: str
) -> None:
    failure = await failure_of(aggregate(asked, *aggregations, **fields))
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert words in failure.details[BadRequest].field_violations[0].description


async def test_every_query_of_a_user_is_held_to_the_number_of_devices(asked: Caller) -> None:
    latest = GetLatestTelemetryRequest(user_id=RICH_USER)
    stream = json_format.ParseDict({"filter": {"user_id": RICH_USER}}, QueryTelemetryStreamRequest())
    calls: dict[str, Any] = {
        "user_id": asked.telemetry.GetLatestTelemetry(latest),
        "filter.user_id": asked.telemetry.QueryTelemetryStream(stream).read(),  # type: ignore[attr-defined]
    }
    for field, call in calls.items():
        failure = await failure_of(call)
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
        assert "name some of them in device_ids" in failure.message


@pytest.mark.parametrize(("device", "first", "last"), [(TEXTS, "on", "off"), (MIXED, 1.5, "off")])
async def test_first_last_and_count_are_of_every_kind(asked: Caller, device: int, first: Any, last: Any) -> None:
    answer: AggregateTelemetryResponse = await aggregate(asked, "FIRST", "LAST", "COUNT", device=device)
    (row,) = answer.rows
    assert [getattr(value, str(value.WhichOneof("kind"))) for value in row.values] == [first, last, 2]


async def test_a_user_without_devices_has_nothing(asked: Caller) -> None:
    assert not (await asked.query(filter={"user_id": POOR_USER})).points
    assert not (await aggregate(asked, "MEAN", filter={"user_id": POOR_USER})).rows
    latest: GetLatestTelemetryResponse = await asked.telemetry.GetLatestTelemetry(
        GetLatestTelemetryRequest(user_id=POOR_USER), timeout=60
    )  # type: ignore[misc]
    assert not latest.points
    series: ListSeriesResponse = await asked.telemetry.ListSeries(ListSeriesRequest(user_id=POOR_USER), timeout=60)  # type: ignore[misc]
    assert not series.series
    stream: Any = asked.telemetry.QueryTelemetryStream(
        QueryTelemetryStreamRequest(filter=TelemetryFilter(user_id=POOR_USER)), timeout=60
    )
    assert not [batch async for response in stream for batch in response.batches]
    assert await stream.code() is grpc.StatusCode.OK


async def test_the_token_of_another_query_is_refused(asked: Caller) -> None:
    page = await asked.query(filter={"device_ids": [NUMBERS]}, page_size=5)
    for other in (
        {"filter": {"device_ids": [TEXTS]}},
        {"filter": {"device_ids": [NUMBERS]}, "order": "ORDER_DESCENDING"},
    ):
        failure = await failure_of(asked.query(**other, page_size=5, page_token=page.next_page_token))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])
        assert failure.reason == "INVALID_PAGE_TOKEN"
