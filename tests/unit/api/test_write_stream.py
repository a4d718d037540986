from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest, WriteTelemetryStreamResponse
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.plain_columns import PlainRules
from iotflow_server.api.stream_requests import StreamRequest, StreamRequests
from iotflow_server.api.write_stream import WriteStream
from iotflow_server.api.writes import Writes
from iotflow_server.ingest.errors import DrainingError
from iotflow_server.observability.metrics import Metrics
from iotflow_server.stores.errors import StoreUnavailableError, WriterSupersededError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.stream_writer import StreamWriter
from tests.support.waiting import until
from tests.unit.api.parts import running
from tests.unit.api.statuses import Failure, failure_of


def message(sequence: int, *, device_id: int = 1, rows: int = 1) -> WriteTelemetryStreamRequest:
    column = Column(name="a", numeric=[float(sequence)] * rows)
    batch = ColumnBatch(device_id=device_id, timestamps=range(sequence * rows, (sequence + 1) * rows), columns=[column])
    return WriteTelemetryStreamRequest(sequence=sequence, batches=[batch])


async def next_ack(call: Any) -> WriteTelemetryStreamResponse:
    ack = await call.read()
    assert isinstance(ack, WriteTelemetryStreamResponse)
    return ack


async def until_acknowledged(call: Any, sequence: int) -> list[WriteTelemetryStreamResponse]:
    acks = [await next_ack(call)]
    while acks[-1].acknowledged_sequence < sequence:
        acks.append(await next_ack(call))
    return acks


async def test_messages_are_written_ahead_and_acknowledged_in_order() -> None:
    async with running() as edge:
        edge.ingest.gate.clear()
        call = edge.telemetry.WriteTelemetryStream()
        for sequence in (1, 2, 5):
            await call.write(message(sequence))
        await edge.ingest.begun_count(3)
        edge.ingest.gate.set()
        acks = await until_acknowledged(call, 5)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
        assert [ack.acknowledged_sequence for ack in acks] == sorted({ack.acknowledged_sequence for ack in acks})
        assert sum(ack.accepted_points for ack in acks) == 3
        written = [int(batches[0].timestamps[0]) for batches in edge.ingest.written]
        assert written == [1, 2, 5]


async def test_the_half_close_is_answered_once_all_is_acknowledged() -> None:
    async with running() as edge:
        edge.ingest.gate.clear()
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(1))
        await call.done_writing()
        await edge.ingest.begun_count(1)
        edge.ingest.gate.set()
        assert (await next_ack(call)).acknowledged_sequence == 1
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_bad_batch_is_rejected_alone_with_its_sequence() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        request = message(7)
        request.batches.append(message(8, device_id=13).batches[0])
        request.batches.append(ColumnBatch(device_id=1))
        await call.write(request)
        ack = await next_ack(call)
        found = [(r.sequence, r.rejection.field, r.rejection.point_count) for r in ack.rejections]
        assert found == [(7, "batches[2]", 0), (7, "batches[1]", 1)]
        assert (ack.acknowledged_sequence, ack.accepted_points) == (7, 1)


async def test_a_message_without_batches_is_acknowledged() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(WriteTelemetryStreamRequest(sequence=1))
        assert (await next_ack(call)).acknowledged_sequence == 1
        assert edge.ingest.begun == []


@pytest.mark.parametrize("second", [3, 2, 0])
async def test_a_sequence_that_does_not_increase_ends_the_stream_after_its_acknowledgements(second: int) -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(3))
        await call.write(message(second))
        assert (await next_ack(call)).acknowledged_sequence == 3
        failure = await failure_of(call.read())
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["sequence"])


async def test_a_store_failure_ends_the_stream_after_what_is_durable_was_acknowledged() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(1))
        assert (await next_ack(call)).acknowledged_sequence == 1
        edge.ingest.failure = StoreUnavailableError(StoreName.POSTGRES, "password=secret at 10.0.0.1")
        await call.write(message(2))
        failure = await failure_of(call.read())
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
        assert failure.retry_seconds > 0
        assert "secret" not in failure.message
        assert edge.ingest.budget.used == 0


async def test_a_stream_pauses_reading_at_its_limit_and_goes_on_after_acknowledgements() -> None:
    async with running(max_stream_inflight_bytes=1 << 16) as edge:
        edge.ingest.gate.clear()
        call = edge.telemetry.WriteTelemetryStream()
        # Each message takes about half of the limit.
        writer = asyncio.create_task(_write_all(call, [message(n, rows=2_000) for n in range(1, 9)]))
        await edge.ingest.begun_count(1)
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert len(edge.ingest.begun) <= 2
        edge.ingest.gate.set()
        await until_acknowledged(call, 8)
        await writer
        assert len(edge.ingest.written) == 8


async def test_streams_wait_for_room_that_all_callers_share() -> None:
    async with running(inflight=40_000) as edge:
        edge.ingest.gate.clear()
        calls = [edge.telemetry.WriteTelemetryStream() for _ in range(3)]
        for call in calls:
            await call.write(message(1, rows=2_000))
        await edge.ingest.begun_count(1)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert len(edge.ingest.begun) == 1
        edge.ingest.gate.set()
        for call in calls:
            assert (await next_ack(call)).acknowledged_sequence == 1


async def test_a_cancelled_stream_finishes_the_writes_that_have_begun_and_leaves_nothing_behind() -> None:
    async with running() as edge:
        edge.ingest.gate.clear()
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(1))
        await call.write(message(2))
        await edge.ingest.begun_count(2)
        call.cancel()
        held = edge.ingest.budget.used
        edge.ingest.gate.set()
        await edge.server.stop(5)
        assert held > 0
        assert edge.ingest.budget.used == 0
        assert len(edge.ingest.written) == 2


async def test_a_draining_server_acknowledges_what_it_read_then_says_so() -> None:
    async with running() as edge:
        edge.ingest.gate.clear()
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(1))
        await edge.ingest.begun_count(1)
        stopping = asyncio.create_task(edge.server.stop(5))
        await asyncio.sleep(0.01)
        edge.ingest.gate.set()
        assert (await next_ack(call)).acknowledged_sequence == 1
        failure = await failure_of(call.read())
        await stopping
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert "draining" in failure.message


async def test_an_idle_stream_does_not_hold_up_the_drain() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(1))
        assert (await next_ack(call)).acknowledged_sequence == 1
        await edge.server.stop(100)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert Failure(caught.value).reason == "DRAINING"


def named(sequence: int, writer_id: str, attempt: int = 0) -> WriteTelemetryStreamRequest:
    request = message(sequence)
    request.writer_id, request.attempt = writer_id, attempt
    return request


async def test_a_stream_enters_with_the_writer_of_its_first_message_before_it_writes_for_it() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        for request in (named(1, "é" * 100, 3), message(2), named(3, "é" * 100, 3)):
            await call.write(request)
        await until_acknowledged(call, 3)
        writer = StreamWriter("é" * 100, 3)
        assert edge.ingest.entered == [writer]
        assert edge.ingest.writers == [frozenset({writer})] * 3


async def test_a_stream_without_a_writer_enters_nowhere() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(named(1, "", 1))
        await until_acknowledged(call, 1)
        assert edge.ingest.entered == []
        assert edge.ingest.writers == [frozenset()]


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([named(1, "w" * 101)], "writer_id"),
        ([named(1, "a\0b")], "writer_id"),
        ([named(1, "", 2)], "writer_id"),
        ([named(1, "w", -1)], "attempt"),
        ([named(1, "w", 2), named(2, "v", 2)], "writer_id"),
        ([named(1, "w", 2), named(2, "w", 3)], "attempt"),
        ([named(1, "w"), named(2, "w", 2)], "attempt"),
        ([named(1, ""), named(2, "w")], "writer_id"),
    ],
)
async def test_a_wrong_or_changed_writer_ends_the_stream(
    requests: list[WriteTelemetryStreamRequest], field: str
) -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        for request in requests:
            await call.write(request)
        for _ in requests[1:]:
            await next_ack(call)
        failure = await failure_of(call.read())
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


async def test_a_superseded_stream_is_told_so_and_writes_nothing() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(named(1, "superseded", 2))
        failure = await failure_of(call.read())
        assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "STREAM_SUPERSEDED")
        assert edge.ingest.begun == []


async def test_a_stream_whose_write_is_superseded_ends_so() -> None:
    async with running() as edge:
        edge.ingest.failure = WriterSupersededError(StoreName.POSTGRES, "a later stream has begun")
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(named(1, "w"))
        failure = await failure_of(call.read())
        assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "STREAM_SUPERSEDED")


async def test_a_stream_that_is_cut_off_withdraws_what_it_has_not_acknowledged() -> None:
    async with running() as edge:
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(message(1))
        await until_acknowledged(call, 1)
        edge.ingest.gate.clear()
        await call.write(message(2))
        await edge.ingest.begun_count(2)
        call.cancel()
        await until(lambda: len(edge.ingest.withdrawn) == 1)
        edge.ingest.gate.set()


async def _write_all(call: Any, messages: list[WriteTelemetryStreamRequest]) -> None:
    for each in messages:
        await call.write(each)


async def test_a_message_of_too_many_values_is_told_the_limit() -> None:
    async with running(max_message_points=3) as edge:
        columns = [Column(name=name, boolean=[True, False]) for name in "ab"]
        batch = ColumnBatch(device_id=1, timestamps=[1, 2], columns=columns)
        call = edge.telemetry.WriteTelemetryStream()
        await call.write(WriteTelemetryStreamRequest(sequence=1, batches=[batch]))
        failure = await failure_of(call.read())
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "batches" in failure.message
        assert "IOTFLOW_MAX_MESSAGE_POINTS" in failure.message


async def test_a_stream_that_is_drained_before_it_has_read_anything_ends() -> None:
    async def requests() -> AsyncIterator[StreamRequest]:
        await asyncio.Event().wait()
        raise AssertionError
        yield

    async with running() as edge:
        writes = Writes(edge.ingest, edge.registry, Metrics(), DecodingRules(1, 100))
        stream = WriteStream(writes, 1 << 20, 100)
        stream.drain()
        async with asyncio.timeout(10):
            with pytest.raises(DrainingError):
                await anext(stream.responses(requests()))


async def test_a_stream_that_has_failed_holds_no_messages() -> None:
    async def requests() -> AsyncIterator[StreamRequest]:
        for sequence in range(1, 9):
            yield StreamRequests(PlainRules(100)).parse(message(sequence).SerializeToString())

    async with running() as edge:
        edge.ingest.failure = StoreUnavailableError(StoreName.POSTGRES, "away")
        writes = Writes(edge.ingest, edge.registry, Metrics(), DecodingRules(1, 100))
        stream = WriteStream(writes, 1 << 20, 100)
        with pytest.raises(StoreUnavailableError):
            await anext(stream.responses(requests()))
        assert not stream.holds_messages
