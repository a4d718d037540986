"""A gateway that is gone without a word: its stream is ended, and others go on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import grpc
import pytest

from iotflow_server.app import running
from tests.support.service import Caller, record, settings_of

#: Streams messages for as long as it lives, and says so once the first is acknowledged.
_GATEWAY: Final = """
import sys, time
import numpy as np
from iotflow.telemetry import BlockingTelemetryClient, Columns
with BlockingTelemetryClient(sys.argv[1]) as client, client.write_stream() as stream:
    for number in range(100_000):
        sent = stream.send(Columns(7, np.array([number + 1]), {"a": np.array([1.0])}))
        if not number:
            sent.acknowledged.result()
            print("acknowledged", flush=True)
        time.sleep(0.01)
"""


Gateway = subprocess.Popen[bytes]


@pytest.fixture
def start() -> Iterator[Callable[[str], Gateway]]:
    """Starts a gateway, and returns once a message of it is acknowledged."""
    gateways: list[Gateway] = []

    def start(address: str) -> Gateway:
        gateway = subprocess.Popen([sys.executable, "-c", _GATEWAY, address], stdout=subprocess.PIPE)
        gateways.append(gateway)
        assert gateway.stdout is not None
        assert gateway.stdout.readline() == b"acknowledged\n"
        return gateway

    yield start
    for gateway in gateways:
        with gateway:
            gateway.kill()


async def ended_streams(metrics: str) -> int:
    """Write streams that have ended, by the server's own count."""
    with await asyncio.to_thread(urllib.request.urlopen, metrics) as answer:
        lines = answer.read().decode().splitlines()
    counts = (
        line.split() for line in lines if line.startswith("iotflow_rpcs_total") and "WriteTelemetryStream" in line
    )
    return sum(int(float(count)) for _, count in counts)


async def test_the_stream_of_a_frozen_gateway_is_ended(
    tmp_path: Path, postgres_dsn: str, start: Callable[[str], Gateway]
) -> None:
    settings = settings_of(tmp_path, postgres_dsn, keepalive_seconds=1.0, keepalive_timeout_seconds=1.0)
    async with running(settings) as server:
        address, metrics = f"127.0.0.1:{server.port}", f"http://127.0.0.1:{server.metrics_port}/metrics"
        gateway = await asyncio.to_thread(start, address)
        gateway.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(30), grpc.aio.insecure_channel(address) as channel:
            other = Caller(channel)
            while not await ended_streams(metrics):
                await other.write(record(8, 1, {"b": 1.0}))
                await asyncio.sleep(0.2)
