"""Streams of columns."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from iotflow.telemetry import (
    AbortedError,
    BlockingTelemetryClient,
    Columns,
    DeadlineExceededError,
    InvalidArgumentError,
    RejectionReason,
    TelemetryClient,
    TelemetryError,
    UnavailableError,
)
from iotflow_server.local.service import ServiceProcess

START = 1_767_225_600_000_000
ROWS = 100


def batch(device_id: int, number: int = 0, rows: int = ROWS) -> Columns:
    timestamps = START + np.arange(number * rows, (number + 1) * rows)
    return Columns(device_id, timestamps, {"x": timestamps - START})


async def stored(client: TelemetryClient, device_id: int) -> list[int]:
    values: list[int] = (await client.query_columns(device_ids=[device_id]))[device_id, "x"].values.tolist()
    return values


async def test_what_flush_says_is_stored_is_read_back(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        for number in range(20):
            await stream.send(batch(device, number))
        result = await stream.flush()
        assert (result.accepted_points, result.rejections) == (20 * ROWS, ())
        assert await stored(client, device) == list(range(20 * ROWS))


async def test_a_flush_tells_only_what_came_since_the_one_before(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        await stream.send(batch(device, 0))
        await stream.flush()
        await stream.send(batch(device, 1))
    assert stream.result.accepted_points == ROWS


async def test_a_message_tells_when_it_is_durable(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        sent = [await stream.send(batch(device, number)) for number in range(3)]
        acknowledgement = await sent[1].acknowledged
        assert acknowledgement.sequence == sent[1].sequence == 2
        assert (await stored(client, device))[: 2 * ROWS] == list(range(2 * ROWS))


async def test_rejections_name_the_message_and_go_to_it_alone(client: TelemetryClient, device: int) -> None:
    text = Columns(device, [START], {"meta_x": ["a"], "x": [1]})
    async with client.write_stream() as stream:
        good = await stream.send(batch(device))
        bad = await stream.send(batch(device, 1), text)
        result = await stream.flush()
    (rejection,) = result.rejections
    assert (rejection.sequence, rejection.index, rejection.measurement) == (2, 1, "meta_x")
    assert rejection.reason is RejectionReason.NAME
    assert good.acknowledged.result().rejections == ()
    assert bad.acknowledged.result().rejections == (rejection,)
    assert result.accepted_points == 2 * ROWS + 1


async def test_a_stream_that_another_has_taken_the_place_of_overwrites_nothing(
    client: TelemetryClient, blocking: BlockingTelemetryClient, device: int
) -> None:
    async def overwrite_late() -> None:
        async with client.write_stream(writer_id=f"gateway-{device}") as first:
            await first.send(batch(device))
            await first.flush()
            with blocking.write_stream(writer_id=f"gateway-{device}", attempt=2) as second:
                second.send(Columns(device, [START], {"x": [7]}))
            await first.send(batch(device, 1))
            assert (await first.flush()).accepted_points == ROWS
            await first.send(Columns(device, [START], {"x": [8]}))

    with pytest.raises(AbortedError, match="attempt 2") as caught:
        await overwrite_late()
    assert caught.value.reason == "STREAM_SUPERSEDED"
    assert await stored(client, device) == [7, *range(1, 2 * ROWS)]


@pytest.mark.parametrize(
    ("writer_id", "attempt", "field"),
    [("w" * 101, 1, "writer_id"), ("a\0b", 1, "writer_id"), ("", 2, "writer_id"), ("w", 0, "attempt")],
)
async def test_a_wrong_writer_is_named(
    client: TelemetryClient, blocking: BlockingTelemetryClient, writer_id: str, attempt: int, field: str
) -> None:
    for each in (client, blocking):
        with pytest.raises(InvalidArgumentError) as caught:
            each.write_stream(writer_id=writer_id, attempt=attempt)
        assert [violation.field for violation in caught.value.violations] == [field]


async def test_a_small_window_holds_back_but_loses_nothing(client: TelemetryClient, device: int) -> None:
    async with client.write_stream(window_bytes=1) as stream:
        sent = []
        for number in range(5):
            sent.append(await stream.send(batch(device, number)))
            # With room for one message only, the one before must be durable by now.
            assert all(each.acknowledged.done() for each in sent[:-1])
    assert await stored(client, device) == list(range(5 * ROWS))


async def test_tasks_may_share_a_stream(client: TelemetryClient, device: int) -> None:
    async with client.write_stream(window_bytes=4_000) as stream:
        await asyncio.gather(*(stream.send(batch(device, number)) for number in range(20)))
    assert await stored(client, device) == list(range(20 * ROWS))


async def test_columns_that_cannot_be_sent_do_not_end_the_stream(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        with pytest.raises(InvalidArgumentError, match=r'batches\[1\]\.columns\["x"\]'):
            await stream.send(batch(device), Columns(device, [START], {"x": [1, 2]}))
        await stream.send(batch(device))
    assert stream.result.accepted_points == ROWS


async def test_a_lost_service_fails_what_it_did_not_acknowledge(lost_service: ServiceProcess) -> None:
    async with TelemetryClient(lost_service.address) as client:
        stream = client.write_stream()
        await stream.send(batch(1))
        await stream.flush()
        await asyncio.to_thread(lost_service.kill)
        with pytest.raises(UnavailableError):
            await (await stream.send(batch(1, 1))).acknowledged
        with pytest.raises(UnavailableError):
            await stream.flush()
        with pytest.raises(UnavailableError):
            async with stream:
                pass


def test_a_lost_service_fails_the_blocking_stream_too(lost_service: ServiceProcess) -> None:
    with BlockingTelemetryClient(lost_service.address) as client:
        stream = client.write_stream()
        stream.send(batch(1)).acknowledged.result(30)
        lost_service.kill()
        with pytest.raises(UnavailableError), stream:
            stream.send(batch(1, 1)).acknowledged.result(30)


async def test_an_error_within_the_block_is_not_hidden(client: TelemetryClient, device: int) -> None:
    async def broken() -> None:
        async with client.write_stream() as stream:
            await stream.send(batch(device))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()


async def test_a_closed_stream_takes_nothing_more(
    client: TelemetryClient, blocking: BlockingTelemetryClient, device: int
) -> None:
    async with client.write_stream() as stream:
        pass
    with pytest.raises(TelemetryError, match="CANCELLED"):
        await stream.send(batch(device))
    with blocking.write_stream() as blocking_stream:
        pass
    with pytest.raises(TelemetryError, match="CANCELLED"):
        blocking_stream.send(batch(device))


async def test_waiting_for_an_acknowledgement_ends_with_its_timeout(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        await stream.send(batch(device))
        with pytest.raises(DeadlineExceededError, match="not all was acknowledged"):
            await stream.flush(timeout=0)
        assert (await stream.flush()).accepted_points == ROWS


async def test_threads_may_share_a_blocking_stream(
    client: TelemetryClient, blocking: BlockingTelemetryClient, device: int
) -> None:
    def write_all() -> int:
        with blocking.write_stream(window_bytes=4_000) as stream, ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: stream.send(batch(device, number)), range(20)))
            return stream.flush().accepted_points

    assert await asyncio.to_thread(write_all) == 20 * ROWS
    assert await stored(client, device) == list(range(20 * ROWS))


def test_a_blocking_send_without_room_ends_with_its_timeout(blocking: BlockingTelemetryClient, device: int) -> None:
    with blocking.write_stream(window_bytes=1) as stream:
        stream.send(batch(device, 0, rows=100_000))
        with pytest.raises(DeadlineExceededError, match="no room"):
            stream.send(batch(device, 1), timeout=0)
