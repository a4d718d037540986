from __future__ import annotations

import asyncio
import urllib.request
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import TelemetryRecord, Value
from iotflow_server.address import AddressError
from iotflow_server.config import Settings
from tests.unit.api.parts import Edge, running
from tests.unit.api.statuses import failure_of

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
WRITE = "/iotflow.telemetry.v1.TelemetryService/WriteTelemetry"
SERVICES = ("TelemetryService", "MigrationService", "AccessService")


async def statuses(edge: Edge) -> list[Any]:
    stub: Any = health_pb2_grpc.HealthStub(edge.channel)
    names = ["", *(f"iotflow.telemetry.v1.{service}" for service in SERVICES)]
    return [(await stub.Check(health_pb2.HealthCheckRequest(service=name))).status for name in names]


async def test_health_follows_the_primary() -> None:
    async with running() as edge:
        assert await statuses(edge) == [SERVING] * 4
        for is_away, status in ((True, NOT_SERVING), (False, SERVING)):
            edge.primary.is_away = is_away
            await edge.server.health.look()
            assert await statuses(edge) == [status, status, SERVING, SERVING]


async def test_a_watch_of_health_hears_of_the_drain_and_does_not_hold_it_up() -> None:
    async with running() as edge:
        stub: Any = health_pb2_grpc.HealthStub(edge.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        edge.ingest.gate.clear()
        request = pb.WriteTelemetryRequest(records=[TelemetryRecord(device_id=1, values={"a": Value(integer=1)})])
        write = asyncio.ensure_future(edge.telemetry.WriteTelemetry(request))
        await edge.ingest.begun_count(1)
        stopping = asyncio.create_task(edge.server.stop(1000))
        assert (await watch.read()).status == NOT_SERVING
        edge.ingest.gate.set()
        assert (await write).accepted_points == 1
        await stopping


async def test_calls_that_outlast_the_grace_are_cancelled_but_their_writes_are_finished() -> None:
    async with running() as edge:
        edge.ingest.gate.clear()
        request = pb.WriteTelemetryRequest(records=[TelemetryRecord(device_id=1, values={"a": Value(integer=1)})])
        write = asyncio.ensure_future(edge.telemetry.WriteTelemetry(request))
        await edge.ingest.begun_count(1)
        stopping = asyncio.create_task(edge.server.stop(0))
        with pytest.raises(grpc.aio.AioRpcError):
            await write
        edge.ingest.gate.set()
        await stopping
        await asyncio.gather(*edge.ingest.under_way)
        assert len(edge.ingest.written) == 1


async def test_reflection_lists_the_services() -> None:
    async with running() as edge:
        channel: Any = edge.channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        await call.done_writing()
        names = {service.name for service in answer.list_services_response.service}
        assert {f"iotflow.telemetry.v1.{service}" for service in SERVICES} < names


async def file_of(symbol: str) -> reflection_pb2.ServerReflectionResponse:
    async with running() as edge:
        channel: Any = edge.channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo()
        await call.write(
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"iotflow.telemetry.v1.{symbol}")
        )
        answer: reflection_pb2.ServerReflectionResponse = await call.read()
        await call.done_writing()
        return answer


@pytest.mark.parametrize("symbol", ["TelemetryService", "TelemetryService.WriteTelemetry", "WriteTelemetryRequest"])
async def test_reflection_finds_a_file_by_any_symbol_in_it(symbol: str) -> None:
    answer = await file_of(symbol)
    files = [FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto]
    assert "iotflow/telemetry/v1/telemetry_service.proto" in [file.name for file in files]


async def test_reflection_says_when_it_does_not_know_a_symbol() -> None:
    answer = await file_of("TelemetryService.Nothing")
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_a_message_over_the_limit_is_told_the_limit() -> None:
    async with running(max_message_bytes=1 << 16) as edge:
        large = TelemetryRecord(device_id=1, values={"a": Value(text="x" * (1 << 16))})
        failure = await failure_of(edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=[large])))
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE")
        assert "65536" in failure.message
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(pb.WriteTelemetryStreamRequest(sequence=1))
        assert (await call.read()) == pb.WriteTelemetryStreamResponse(
            acknowledged_sequence=1, time_precision=pb.TIME_PRECISION_MICROSECOND
        )


async def test_a_message_that_cannot_be_parsed_is_told_so() -> None:
    async with running() as edge:
        call: Any = edge.channel.unary_unary(WRITE)
        failure = await failure_of(call(b"\xff\xff"))
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_MESSAGE")


async def test_metrics_are_served_over_http() -> None:
    async with running(metrics_listen="127.0.0.1:0") as edge:
        await failure_of(edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest()))
        url = f"http://127.0.0.1:{edge.server.metrics_port}/metrics"
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
        assert f'iotflow_rpcs_total{{code="INVALID_ARGUMENT",method="{WRITE}"}} 1.0' in page


@pytest.mark.parametrize("setting", ["listen", "metrics_listen"])
async def test_an_address_in_use_is_named_with_its_setting(setting: str) -> None:
    async with running(metrics_listen="127.0.0.1:0") as first:
        port = first.server.port if setting == "listen" else first.server.metrics_port
        second = Edge(0, **{setting: f"127.0.0.1:{port}"})
        with pytest.raises(AddressError, match=f"127.0.0.1:{port}.*IOTFLOW_{setting.upper()}"):
            await second.server.start()


def test_the_limit_of_a_message_is_sixteen_mebibytes_by_default() -> None:
    assert Settings().max_message_bytes == 16 << 20
