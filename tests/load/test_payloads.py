"""Messages and metadata are rendered for each call, from classes learnt from the protos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from tests.load.config import ConfigError, parse, read
from tests.load.ghz import ROOT
from tests.load.payloads import Payloads, context
from tests.load.stubs import Method, resolve

SERVICE = "iotflow.telemetry.v1.TelemetryService"
CONFIG: dict[str, Any] = {
    "host": "127.0.0.1:1",
    "insecure": True,
    "proto": str(ROOT / "protos/iotflow/telemetry/v1/telemetry_service.proto"),
    "import-paths": [str(ROOT / "protos")],
}


def prepared(method: str, **keys: Any) -> tuple[Payloads, Method]:
    named = {name.replace("_", "-"): value for name, value in keys.items()}
    config = parse({**CONFIG, "call": f"{SERVICE}.{method}", **named}, "x")
    with grpc.insecure_channel(config.host) as channel:
        found = resolve(config, channel)
    return Payloads(config, found), found


def sent(payloads: Payloads, method: Method, number: int) -> list[Any]:
    return [json_format.MessageToDict(one) for one in payloads.messages(context(method, "g0c0", number))]


def test_a_single_message_is_rendered_for_each_call() -> None:
    prepare = prepared("ListSeries", data={"device_ids": ["{{add 1 .RequestNumber}}"]})
    assert [sent(*prepare, number) for number in range(2)] == [[{"deviceIds": [1]}], [{"deviceIds": [2]}]]


def test_several_messages_take_turns_where_the_client_does_not_stream() -> None:
    prepare = prepared("ListSeries", data=[{"device_ids": [1]}, {"user_id": 7}])
    turns = [sent(*prepare, number) for number in range(3)]
    assert turns == [[{"deviceIds": [1]}], [{"userId": 7}], [{"deviceIds": [1]}]]


def test_all_messages_are_sent_where_the_client_streams() -> None:
    data = [{"sequence": 1}, {"sequence": "{{add 2 .RequestNumber}}"}]
    assert sent(*prepared("WriteTelemetryStream", data=data), 40) == [{"sequence": "1"}, {"sequence": "42"}]


def test_a_time_is_read_from_its_text() -> None:
    data = {"filter": {"start_time": "2026-01-01T{{printf `%02d` .RequestNumber}}:00:00Z"}}
    assert sent(*prepared("QueryTelemetry", data=data), 7) == [{"filter": {"startTime": "2026-01-01T07:00:00Z"}}]


@pytest.mark.parametrize(
    "text", ['{"user_id": {{add 1 .RequestNumber}}}', json.dumps([{"user_id": "{{add 1 .RequestNumber}}"}])]
)
def test_data_may_come_from_a_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(text)
    assert sent(*prepared("ListSeries", data_file=str(tmp_path / "data.json")), 4) == [{"userId": 5}]


@pytest.mark.parametrize("name", ["write_unary", "write_ramp"])
def test_a_run_writes_points_of_its_own_even_where_it_follows_another_within_a_second(name: str) -> None:
    data = read(ROOT / f"tests/load/configs/{name}.json")["data"]
    payloads, method = prepared("WriteTelemetry", data=data)
    call = {**context(method, "g0c0", 3), "TimestampUnixMilli": 1_767_225_600_100}
    runs = [call, {**call, "TimestampUnixMilli": 1_767_225_600_900}]
    times = [json_format.MessageToDict(payloads.messages(run)[0])["records"][0]["timestamp"] for run in runs]
    assert [time[19:] for time in times] == [".100003Z", ".900003Z"]


def test_metadata_is_rendered_too() -> None:
    payloads, method = prepared("ListSeries", data={}, metadata={"x-request-id": "{{.MethodName}}-{{.RequestNumber}}"})
    assert payloads.metadata(context(method, "g0c0", 3)) == [("x-request-id", "ListSeries-3")]


def test_a_call_is_described_to_the_templates() -> None:
    _, method = prepared("WriteTelemetryStream", data={})
    call = context(method, "g0c0", 3)
    assert (call["FullyQualifiedName"], call["ServiceName"]) == (f"{SERVICE}.WriteTelemetryStream", "TelemetryService")
    assert (call["InputName"], call["IsServerStreaming"]) == ("WriteTelemetryStreamRequest", True)
    assert int(call["TimestampUnixNano"]) // 10**6 == call["TimestampUnixMilli"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": {"device_id": [1]}}, 'data: .*no field named "device_id"'),
        ({"data": {"user_id": "{{.Number}}"}}, "data: .*a call has no field Number"),
        ({"data": {}, "metadata": {"a": "{{x}}"}}, "metadata: .*the function x is not supported"),
        ({"data_file": "none.json"}, "data-file: .*none.json"),
        ({"data": {}, "proto": "none.proto"}, "proto: none.proto does not compile: .*none.proto"),
        ({"data": {}, "call": f"{SERVICE}.List"}, "has no method List; it has WriteTelemetry, "),
        ({"data": {}, "call": "a.B.C"}, "has no service a.B"),
    ],
)
def test_what_does_not_fit_the_service_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        prepared("ListSeries", **change)
