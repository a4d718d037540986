"""The GatewayWriter with a service that is there."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import (
    BlockingGatewayWriter,
    BlockingTelemetryClient,
    Columns,
    GatewayWriter,
    InvalidArgumentError,
    RejectedPoints,
    RejectionReason,
    SpoolLockedError,
    TelemetryClient,
    TelemetryError,
)
from iotflow_server.local.service import ServiceProcess
from tests.client.gateways import NOWHERE, START, stored

both_ways = pytest.mark.parametrize("durable", [True, False], ids=["durable", "quick"])


@pytest.fixture(params=[True, False], ids=["durable", "quick"])
async def writer(
    service: ServiceProcess, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[GatewayWriter]:
    async with GatewayWriter(service.address, spool=tmp_path / "spool.db", durable=request.param) as opened:
        yield opened


async def test_what_was_written_is_stored_with_all_that_belongs_to_it(
    writer: GatewayWriter, client: TelemetryClient, device: int
) -> None:
    values: dict[str, Any] = {"x": 1.5, "n": 2**53 + 1, "t": "Grüße", "ok": True, "j": {"a": [1]}}
    await writer.write(device, values, START, {"site": "north"}, 3, user_id=12)
    await writer.write(device, {"x": 2.5}, START + 1)
    await writer.flush()
    points = (await client.query(device_ids=[device])).points
    first = {point.measurement: point.value for point in points if point.metadata}
    assert first == values
    assert [(point.quality_flag, point.user_id) for point in points] == [(3, 12)] * 5 + [(0, 12)]
    assert writer.status.acknowledged_points == 6
    assert (writer.status.spooled_points, writer.status.spooled_bytes, writer.status.lag) == (0, 0, 0.0)
    assert (writer.status.connected, writer.status.last_error) == (True, None)


async def test_columns_and_rows_go_the_same_way_in_order(
    writer: GatewayWriter, service: ServiceProcess, device: int
) -> None:
    rows = 100_000
    await writer.write(device, {"x": -1}, START)
    await writer.write_columns(Columns(device, START + np.arange(rows), {"x": np.arange(rows)}))
    await writer.write(device, {"x": -2}, START + 1)
    await writer.flush()
    assert await stored(service.address, device) == {row: -2 if row == 1 else row for row in range(rows)}
    assert writer.status.acknowledged_points == rows + 2


async def test_tasks_may_share_a_writer(writer: GatewayWriter, service: ServiceProcess, device: int) -> None:
    await asyncio.gather(*(writer.write(device, {"x": number}, START + number) for number in range(2000)))
    await writer.flush()
    assert await stored(service.address, device) == {number: number for number in range(2000)}


async def test_the_last_write_of_a_key_wins(writer: GatewayWriter, service: ServiceProcess, device: int) -> None:
    for number in range(3000):
        await writer.write(device, {"x": number}, START + number % 7)
    await writer.flush()
    assert await stored(service.address, device) == {n % 7: n for n in range(2993, 3000)}


async def test_a_bad_value_costs_nothing_else(writer: GatewayWriter, service: ServiceProcess, device: int) -> None:
    await writer.write(device, {"x": 1.0}, START)
    bad: Any = [({"x": 2.0, "y": None}, START + 1, r'values\["y"\]'), ({"x": 2.0}, "noon", "timestamp")]
    for values, moment, field in bad:
        with pytest.raises(InvalidArgumentError, match=field):
            await writer.write(device, values, moment)
    with pytest.raises(InvalidArgumentError, match=r'columns\["x"\]'):
        await writer.write_columns(Columns(device, [START], {"x": [1, 2]}))
    await writer.write(device, {"x": 3.0}, START + 2)
    await writer.flush()
    assert await stored(service.address, device) == {0: 1.0, 2: 3.0}


@both_ways
async def test_what_the_service_rejects_is_told_with_its_moments(
    service: ServiceProcess, device: int, tmp_path: Path, durable: bool
) -> None:
    told: list[RejectedPoints] = []
    async with GatewayWriter(
        service.address, spool=tmp_path / "spool", durable=durable, on_rejection=told.append
    ) as writer:
        for number in range(10):
            await writer.write(device, {"x": number, "t": "\0" if number in (3, 7) else "good"}, START + number)
        await writer.write(device, {"meta_x": 1.0}, START + 20)
        await writer.write(0, {"x": 1.0, "y": 1.0}, START + 30)
        await writer.flush()
        assert len(await stored(service.address, device)) == 10
        assert len(await stored(service.address, device, "t")) == 8
        status = writer.status
    assert (status.acknowledged_points, status.rejected_points) == (18, 5)
    found = {each.reason: each for each in told}
    value, name, unknown = (found[RejectionReason(word)] for word in ("value", "name", "device_id"))
    assert (value.device_id, value.measurement, value.point_count) == (device, "t", 2)
    assert "U+0000" in value.message
    assert (value.timestamps.astype(np.int64) - START).tolist() == [3, 7]
    assert (name.measurement, (name.timestamps.astype(np.int64) - START).tolist()) == ("meta_x", [20])
    assert (unknown.device_id, unknown.measurement, unknown.point_count) == (0, "", 2)


async def test_an_error_in_a_callback_is_logged_and_ends_nothing(
    service: ServiceProcess, device: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: RejectedPoints) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        async with GatewayWriter(service.address, spool=tmp_path / "spool", on_rejection=broken) as writer:
            await writer.write(device, {"meta_x": 1.0, "x": 1.0}, START)
            await writer.flush()
            await writer.write(device, {"x": 2.0}, START)
            await writer.flush()
    assert "ZeroDivisionError" in caplog.text
    assert await stored(service.address, device) == {0: 2.0}


async def test_closing_sends_what_was_written(service: ServiceProcess, device: int, tmp_path: Path) -> None:
    async with GatewayWriter(service.address, spool=tmp_path / "spool", durable=False, linger=3600) as writer:
        await writer.write(device, {"x": 1.0}, START)
    assert await stored(service.address, device) == {0: 1.0}
    assert (writer.status.acknowledged_points, writer.status.spooled_points) == (1, 0)


async def test_no_task_and_no_thread_is_left(service: ServiceProcess, device: int, tmp_path: Path) -> None:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with GatewayWriter(service.address, spool=tmp_path / "spool") as writer:
        await writer.write(device, {"x": 1.0}, START)
    assert asyncio.all_tasks() == tasks
    assert {each.name for each in set(threading.enumerate()) - threads if "gateway" in each.name} == set()


async def test_a_second_writer_on_a_spool_is_refused(service: ServiceProcess, device: int, tmp_path: Path) -> None:
    async with GatewayWriter(service.address, spool=tmp_path / "spool") as writer:
        with pytest.raises(SpoolLockedError, match="is in use"):
            await GatewayWriter(service.address, spool=tmp_path / "spool").__aenter__()
        await writer.write(device, {"x": 1.0}, START)
    assert await stored(service.address, device) == {0: 1.0}


async def test_a_writer_is_open_only_within_its_block(service: ServiceProcess, tmp_path: Path) -> None:
    writer = GatewayWriter(service.address, spool=tmp_path / "spool")
    with pytest.raises(TelemetryError, match="not open"):
        await writer.write(1, {"x": 1.0}, START)
    async with writer:
        pass
    with pytest.raises(TelemetryError, match="not open"):
        await writer.flush()
    async with writer:
        await writer.flush()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"addresses": ""}, "addresses"),
        ({"addresses": []}, "addresses"),
        ({"on_full": "explode"}, "on_full"),
        ({"max_spool_bytes": 1000}, "max_spool_bytes"),
        ({"linger": -1}, "linger"),
        ({"max_batch_points": 0}, "max_batch_points"),
        ({"max_backoff": 0}, "max_backoff"),
    ],
    ids=repr,
)
def test_an_argument_that_cannot_be_is_named(arguments: Any, field: str) -> None:
    for kind in (GatewayWriter, BlockingGatewayWriter):
        with pytest.raises(InvalidArgumentError, match=field):
            kind(**{"addresses": NOWHERE, "spool": "spool", **arguments})


@both_ways
def test_the_blocking_writer_does_the_same_for_threads(
    service: ServiceProcess, blocking: BlockingTelemetryClient, device: int, tmp_path: Path, durable: bool
) -> None:
    before = set(threading.enumerate())
    with BlockingGatewayWriter(service.address, spool=tmp_path / "spool", durable=durable) as writer:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: writer.write(device, {"x": number}, START + number), range(500)))
        writer.write_columns(Columns(device, START + np.arange(500, 600), {"x": np.arange(500, 600)}))
        with pytest.raises(InvalidArgumentError, match=r'values\["x"\]'):
            writer.write(device, {"x": {1}}, START)  # type: ignore[dict-item]
        writer.flush()
        assert (writer.status.acknowledged_points, writer.status.spooled_points) == (600, 0)
        with pytest.raises(SpoolLockedError), BlockingGatewayWriter(service.address, spool=tmp_path / "spool"):
            pass
    assert blocking.query_columns(device_ids=[device])[device, "x"].values.tolist() == list(range(600))
    assert writer.status.connected is False
    with pytest.raises(TelemetryError, match="not open"):
        writer.write(device, {"x": 1.0}, START)
    assert {each.name for each in set(threading.enumerate()) - before if "gateway" in each.name} == set()
