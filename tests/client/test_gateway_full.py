"""A spool that is full: a write waits, gives up the oldest points, or raises."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import (
    BlockingGatewayWriter,
    Columns,
    DeadlineExceededError,
    GatewayWriter,
    SpoolFullError,
    TelemetryError,
)
from iotflow.telemetry._spool import SLACK_BYTES
from iotflow_server.local.service import ServiceProcess
from tests.client.gateways import NOWHERE, START, stored

SPOOL_BYTES = 1 << 20
PADDING = "x" * 5000

both_ways = pytest.mark.parametrize("durable", [True, False], ids=["durable", "quick"])


def small(address: str, spool: Path, on_full: str, durable: bool, **options: Any) -> GatewayWriter:
    return GatewayWriter(
        address,
        spool=spool,
        on_full=on_full,
        durable=durable,
        max_spool_bytes=SPOOL_BYTES,
        close_timeout=0,
        max_backoff=0.02,
        **options,
    )


async def fill(writer: GatewayWriter, device: int) -> int:
    """Write until there is no room; return how often that was."""
    for number in range(10_000):
        try:
            await writer.write(device, {"x": number, "padding": PADDING}, START + number, timeout=0.5)
        except (SpoolFullError, DeadlineExceededError):
            return number
    raise AssertionError("it is never full")


@both_ways
async def test_raise_says_so_and_keeps_what_is_in_it(
    service: ServiceProcess, device: int, tmp_path: Path, durable: bool
) -> None:
    async with small(NOWHERE, tmp_path / "spool", "raise", durable) as writer:
        written = await fill(writer, device)
        assert written > 50
        assert writer.status.spooled_points == 2 * written
        with pytest.raises(SpoolFullError, match=f"{2 * written} points wait"):
            await writer.write(device, {"x": 0, "padding": PADDING}, START)
    async with small(service.address, tmp_path / "spool", "raise", durable) as writer:
        await writer.flush()
        # There is room again.
        await writer.write(device, {"x": -1, "padding": PADDING}, START + written)
        await writer.flush()
    assert await stored(service.address, device) == {n: n for n in range(written)} | {written: -1}


@both_ways
async def test_block_waits_until_the_service_has_taken_enough(
    lost_service: ServiceProcess, tmp_path: Path, durable: bool
) -> None:
    await asyncio.to_thread(lost_service.terminate)
    async with small(lost_service.address, tmp_path / "spool", "block", durable) as writer:
        written = await fill(writer, 1)
        blocked = asyncio.create_task(writer.write(1, {"x": -1, "padding": PADDING}, START + written))
        await asyncio.wait({blocked}, timeout=0.2)
        assert not blocked.done()
        await asyncio.to_thread(lost_service.start)
        await blocked
        await writer.flush()
    assert await stored(lost_service.address, 1) == {n: n for n in range(written)} | {written: -1}


async def test_a_write_that_waits_for_room_ends_with_the_writer(tmp_path: Path) -> None:
    async with small(NOWHERE, tmp_path / "spool", "block", True) as writer:
        await fill(writer, 1)
        blocked = asyncio.create_task(writer.write(1, {"x": 1, "padding": PADDING}, START))
        await asyncio.sleep(0)
    with pytest.raises(TelemetryError, match="not open"):
        await blocked


@both_ways
async def test_drop_oldest_counts_what_it_gives_up_and_keeps_the_newest(
    service: ServiceProcess, device: int, tmp_path: Path, durable: bool
) -> None:
    async with small(NOWHERE, tmp_path / "spool", "drop_oldest", durable) as writer:
        for number in range(1000):
            await writer.write(device, {"x": number, "padding": PADDING}, START + number)
            if number % 5 == 0:
                # Time for attempts to connect, which must not keep the oldest from being given up.
                await asyncio.sleep(0.001)
        status = writer.status
    assert status.dropped_points > 1000
    assert status.dropped_points + status.spooled_points == 2000
    assert status.spooled_bytes <= SPOOL_BYTES
    async with small(service.address, tmp_path / "spool", "drop_oldest", durable) as writer:
        await writer.flush()
        assert writer.status.acknowledged_points == status.spooled_points
    dropped = status.dropped_points // 2
    assert await stored(service.address, device) == {number: number for number in range(dropped, 1000)}


def small_for_threads(address: str, spool: Path, on_full: str) -> BlockingGatewayWriter:
    return BlockingGatewayWriter(
        address, spool=spool, on_full=on_full, max_spool_bytes=SPOOL_BYTES, close_timeout=0, max_backoff=0.02
    )


def fill_from_a_thread(writer: BlockingGatewayWriter, device: int) -> int:
    for number in range(10_000):
        try:
            writer.write(device, {"x": number, "padding": PADDING}, START + number, timeout=0.5)
        except (SpoolFullError, DeadlineExceededError):
            return number
    raise AssertionError("it is never full")


async def test_a_thread_is_told_that_there_is_no_room_and_what_is_in_it_stays(
    service: ServiceProcess, device: int, tmp_path: Path
) -> None:
    def use() -> int:
        with small_for_threads(NOWHERE, tmp_path / "spool", "raise") as writer:
            written = fill_from_a_thread(writer, device)
            assert writer.status.spooled_points == 2 * written
            with pytest.raises(SpoolFullError, match=f"{2 * written} points wait"):
                writer.write(device, {"x": 0, "padding": PADDING}, START)
        with small_for_threads(service.address, tmp_path / "spool", "raise") as writer:
            writer.flush()
        return written

    written = await asyncio.to_thread(use)
    assert written > 50
    assert await stored(service.address, device) == {n: n for n in range(written)}


async def test_a_thread_waits_until_the_service_has_taken_enough(lost_service: ServiceProcess, tmp_path: Path) -> None:
    def use() -> int:
        with (
            small_for_threads(lost_service.address, tmp_path / "spool", "block") as writer,
            ThreadPoolExecutor() as pool,
        ):
            written = fill_from_a_thread(writer, 1)
            blocked = pool.submit(writer.write, 1, {"x": -1, "padding": PADDING}, START + written)
            with pytest.raises(TimeoutError):
                blocked.result(timeout=0.2)
            lost_service.start()
            blocked.result()
            writer.flush()
        return written

    await asyncio.to_thread(lost_service.terminate)
    written = await asyncio.to_thread(use)
    assert await stored(lost_service.address, 1) == {n: n for n in range(written)} | {written: -1}


async def test_what_is_given_up_for_a_thread_is_the_oldest_and_counted(
    service: ServiceProcess, device: int, tmp_path: Path
) -> None:
    def use() -> int:
        with small_for_threads(NOWHERE, tmp_path / "spool", "drop_oldest") as writer:
            for number in range(500):
                writer.write(device, {"x": number, "padding": PADDING}, START + number)
            status = writer.status
        with small_for_threads(service.address, tmp_path / "spool", "drop_oldest") as writer:
            writer.flush()
        assert status.dropped_points + status.spooled_points == 1000
        return status.dropped_points // 2

    dropped = await asyncio.to_thread(use)
    assert dropped > 100
    assert await stored(service.address, device) == {number: number for number in range(dropped, 500)}


async def test_a_full_spool_used_for_long_takes_no_more_of_the_disk_than_it_says(tmp_path: Path) -> None:
    spool = tmp_path / "folder" / "spool"
    async with small(NOWHERE, spool, "drop_oldest", True) as writer:
        for number in range(100):
            await writer.write_columns(Columns(1, START + number * 5000 + np.arange(5000), {"x": np.arange(5000)}))
        size = sum(file.stat().st_size for file in spool.parent.iterdir())
        assert SPOOL_BYTES // 2 < size < SPOOL_BYTES + SLACK_BYTES
    assert spool.stat().st_size < 2 * SPOOL_BYTES


@pytest.mark.parametrize("on_full", ["block", "drop_oldest", "raise"])
async def test_a_write_larger_than_the_spool_is_refused_at_once(tmp_path: Path, on_full: str) -> None:
    async with small(NOWHERE, tmp_path / "spool", on_full, True) as writer:
        await writer.write(1, {"x": 1}, START)
        with pytest.raises(SpoolFullError, match="write it in parts"):
            await writer.write_columns(Columns(1, START + np.arange(200_000), {"x": np.arange(200_000)}))
        assert (writer.status.spooled_points, writer.status.dropped_points) == (1, 0)


FULL_DISK = """
import asyncio, resource, sys
from iotflow.telemetry import GatewayWriter, SpoolError

async def main(address, spool, device, durable):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with GatewayWriter(address, spool=spool, durable=durable, close_timeout=0) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
        written = 0
        try:
            while True:
                await writer.write(device, {"x": written, "padding": "x" * 50_000}, 1_767_225_600_000_000 + written)
                written += 1
        except SpoolError as error:
            assert writer.status.last_error is error
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        while isinstance(writer.status.last_error, SpoolError) and not durable:
            await asyncio.sleep(0.05)
        await writer.write(device, {"x": -1}, 1_767_225_600_000_000 + written)
        print(written, writer.status.spooled_points)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "durable"))
"""


@pytest.mark.parametrize("kind", ["durable", "quick"])
async def test_a_disk_that_takes_nothing_more_fails_the_write_and_no_other(
    service: ServiceProcess, device: int, tmp_path: Path, kind: str
) -> None:
    arguments = [str(tmp_path / "spool"), str(device), kind]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FULL_DISK, NOWHERE, *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    written, spooled = map(int, output.split())
    assert written > 10
    assert spooled == 2 * written + 1
    async with GatewayWriter(service.address, spool=tmp_path / "spool") as writer:
        await writer.flush()
    assert await stored(service.address, device) == {n: n for n in range(written)} | {written: -1}
