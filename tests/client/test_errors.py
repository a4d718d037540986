"""Errors of calls."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import grpc
import pytest

from iotflow.telemetry import (
    AbortedError,
    BlockingTelemetryClient,
    ClientClosedError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    OverloadedError,
    Record,
    TelemetryClient,
    UnavailableError,
)
from iotflow.telemetry._attempts import Attempts
from iotflow.telemetry._calls import write
from iotflow_server.local.service import ServiceProcess

AT = datetime(2026, 1, 1, tzinfo=UTC)
#: Nobody listens there.
NOWHERE = "127.0.0.1:9"


async def test_an_error_names_the_field_and_the_reason(client: TelemetryClient) -> None:
    with pytest.raises(InvalidArgumentError, match="page_token") as raised:
        await client.query(device_ids=[1], page_token="foreign")
    assert raised.value.reason == "INVALID_PAGE_TOKEN"
    assert [violation.field for violation in raised.value.violations] == ["page_token"]


def test_both_clients_raise_the_same(blocking: BlockingTelemetryClient) -> None:
    with pytest.raises(InvalidArgumentError, match="page_token") as raised:
        blocking.query(device_ids=[1], page_token="foreign")
    assert (raised.value.code, raised.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")


async def test_a_stream_of_columns_raises_as_other_calls_do(
    client: TelemetryClient, blocking: BlockingTelemetryClient
) -> None:
    with pytest.raises(InvalidArgumentError, match="device_ids"):
        await client.query_columns()
    with pytest.raises(InvalidArgumentError, match="device_ids"):
        blocking.query_columns()


async def test_without_google_rpc_the_message_names_the_field(
    client: TelemetryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.rpc", None)
    with pytest.raises(InvalidArgumentError, match="page_token") as raised:
        await client.query(device_ids=[1], page_token="foreign")
    assert (raised.value.reason, raised.value.violations) == ("", ())


async def test_words_and_lists_that_are_wrong_are_refused_before_they_are_sent(client: TelemetryClient) -> None:
    with pytest.raises(InvalidArgumentError, match="order: 'sideways' is none of ascending, descending"):
        await client.query(device_ids=[1], order="sideways")
    with pytest.raises(InvalidArgumentError, match="measurements: 'x' is a str"):
        await client.query(device_ids=[1], measurements="x")
    with pytest.raises(InvalidArgumentError, match=r"aggregations\[1\]: 'average'"):
        await client.aggregate(["mean", "average"], device_ids=[1])


async def test_a_transition_that_may_not_be_made_says_why(client: TelemetryClient) -> None:
    with pytest.raises(AbortedError):
        await client.advance_phase(expected_phase="preparation")
    with pytest.raises(FailedPreconditionError):
        await client.advance_phase(expected_phase="decommissioned")
    with pytest.raises(FailedPreconditionError):
        await client.roll_back_phase()


async def test_a_call_without_time_is_over_at_once(client: TelemetryClient) -> None:
    with pytest.raises(DeadlineExceededError):
        await client.latest(device_ids=[1], timeout=0)


async def test_where_no_service_is_it_is_unavailable() -> None:
    async with TelemetryClient(NOWHERE) as client:
        with pytest.raises(UnavailableError):
            await client.get_migration(timeout=20)
        with pytest.raises(UnavailableError):
            await client.write([Record(1, {"x": 1}, AT)], timeout=20)
    with BlockingTelemetryClient(NOWHERE) as blocking, pytest.raises(UnavailableError):
        blocking.query_columns(device_ids=[1], timeout=20)


async def test_a_client_that_is_closed_says_so(service: ServiceProcess) -> None:
    async with TelemetryClient(service.address) as client:
        await client.latest(device_ids=[1])
    with pytest.raises(ClientClosedError, match="the client is closed"):
        await client.latest(device_ids=[1])
    with pytest.raises(ClientClosedError):
        await client.query_columns(device_ids=[1])
    with pytest.raises(ClientClosedError):
        client.write_stream()


def test_a_blocking_client_that_is_closed_says_so(service: ServiceProcess) -> None:
    with BlockingTelemetryClient(service.address) as blocking:
        blocking.latest(device_ids=[1])
    with pytest.raises(ClientClosedError, match="the client is closed"):
        blocking.latest(device_ids=[1])
    with pytest.raises(ClientClosedError):
        blocking.query_columns(device_ids=[1])
    with pytest.raises(ClientClosedError):
        blocking.write_stream()


async def test_a_write_with_timestamps_outlives_a_restart(lost_service: ServiceProcess) -> None:
    async with TelemetryClient(lost_service.address) as client:
        await client.write([Record(1, {"x": 1}, AT)])
        await asyncio.to_thread(lost_service.kill)
        with pytest.raises(UnavailableError):
            await client.write([Record(1, {"x": 2})])
        await asyncio.to_thread(lost_service.start)
        await client.write([Record(1, {"x": 3}, AT)])
        assert [point.value async for point in client.iter_points(device_ids=[1])] == [3]


def test_only_a_write_whose_records_all_have_timestamps_is_repeated() -> None:
    assert write([Record(1, {"x": 1}, AT)]).is_repeated
    assert not write([Record(1, {"x": 1}, AT), Record(1, {"x": 1})]).is_repeated


def test_attempts_end_and_wait_as_long_as_the_service_says() -> None:
    attempts = Attempts(60.0, is_repeated=True)
    away = UnavailableError(grpc.StatusCode.UNAVAILABLE, "away", retry_after=2.0)
    assert [attempts.pause_after(away) for _ in range(3)] == [2.0, 2.0, 2.0]
    with pytest.raises(UnavailableError):
        attempts.pause_after(away)


@pytest.mark.parametrize("error", [OverloadedError, DeadlineExceededError])
def test_nothing_but_unavailable_is_repeated(error: type[OverloadedError]) -> None:
    with pytest.raises(error):
        Attempts(60.0, is_repeated=True).pause_after(error(grpc.StatusCode.RESOURCE_EXHAUSTED, "no"))


def test_nothing_is_repeated_beyond_the_timeout() -> None:
    with pytest.raises(UnavailableError):
        Attempts(1.0, is_repeated=True).pause_after(
            UnavailableError(grpc.StatusCode.UNAVAILABLE, "away", retry_after=2.0)
        )
