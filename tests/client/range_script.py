"""What a user of the client does, run by test_ranges.py in an environment that has nothing else. Takes the address."""

from __future__ import annotations

import asyncio
import math
import sys
import tempfile
import warnings
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

# Python 3.11 alone is the floor, not what older protobufs do on newer Pythons.
warnings.simplefilter("error")

from iotflow.telemetry import (  # noqa: E402
    BlockingTelemetryClient,
    Columns,
    GatewayWriter,
    InvalidArgumentError,
    Json,
    Record,
    TelemetryClient,
    UnavailableError,
)

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
VALUES: dict[str, Any] = {
    "a": -0.0,
    "b": math.nan,
    "c": 2**53 + 1,
    "d": "Grüße",
    "e": True,
    "f": {"k": [2**60]},
    "g": Json("text"),
}
COUNT = 5_000
NUMBERS = np.arange(COUNT) + 2**53


def columns(device_id: int) -> Columns:
    """Columns of every kind."""
    return Columns(
        device_id,
        np.datetime64("2026-01-01", "us") + np.arange(COUNT),
        {
            "integer": np.ma.masked_equal(NUMBERS, 2**53 + 2),
            "numeric": np.where(np.arange(COUNT) == 3, np.nan, 0.1),
            "boolean": np.arange(COUNT) % 2 == 0,
            "text": ["ü"] * COUNT,
        },
        metadata={"site": ["north"] * COUNT},
        quality=np.full(COUNT, -3),
    )


async def asyncio_client(address: str, device_id: int) -> None:
    """Write every kind, stream, query, and be refused."""
    async with TelemetryClient(address) as client:
        written = await client.write([Record(device_id, VALUES, AT, {"site": "north"}, 3)])
        assert written.accepted_points == len(VALUES), written
        page = await client.query(device_ids=[device_id])
        assert repr({point.measurement: point.value for point in page.points}) == repr(VALUES), page
        async with client.write_stream() as stream:
            sent = await stream.send(columns(device_id + 1))
            assert (await sent.acknowledged).sequence == 1
        assert stream.result.accepted_points == 4 * COUNT - 1, stream.result
        check((await client.query_columns(device_ids=[device_id + 1]))[device_id + 1, "integer"])
        rows = (await client.aggregate(["count"], device_ids=[device_id + 1], window=timedelta(days=1))).rows
        assert [next(iter(row.values.values())) for row in rows] == [COUNT, COUNT - 1, COUNT, COUNT], rows
        assert "device_ids" in await refusal(client)


async def refusal(client: TelemetryClient) -> str:
    """What the service says to a query about nothing."""
    try:
        await client.query()
    except InvalidArgumentError as error:
        return str(error)
    return ""


def check(data: Any) -> None:
    """The integers are exact, and the masked one is missing."""
    assert data.values.tolist() == np.delete(NUMBERS, 2).tolist(), data
    assert data.metadata["site"].compressed().tolist() == ["north"] * (COUNT - 1)
    assert set(data.quality_flags.tolist()) == {-3}


def blocking_client(address: str, device_id: int) -> None:
    """The same in threads."""
    with BlockingTelemetryClient(address) as client:
        with client.write_stream() as stream:
            stream.send(columns(device_id)).acknowledged.result(30)
        check(client.query_columns(device_ids=[device_id])[device_id, "integer"])
        assert client.get_migration().epoch == 1
        assert client.register_device(device_id, 5).user_id == 5


async def gateway(address: str, device_id: int) -> None:
    """Through a spool: rows, and columns that are split over several entries."""
    with tempfile.TemporaryDirectory() as folder:
        async with GatewayWriter(address, spool=Path(folder) / "spool", max_spool_bytes=4 << 20) as writer:
            await writer.write_columns(columns(device_id))
            for row in range(100):
                await writer.write(device_id + 1, VALUES, AT + timedelta(seconds=row), {"site": "north"}, 3)
            await writer.flush()
            assert writer.status.acknowledged_points == 4 * COUNT - 1 + 100 * len(VALUES), writer.status
    async with TelemetryClient(address) as client:
        check((await client.query_columns(device_ids=[device_id]))[device_id, "integer"])


def nobody_there() -> None:
    """A service that is away."""
    with BlockingTelemetryClient("127.0.0.1:9") as client:
        try:
            client.latest(device_ids=[1], timeout=20)
        except UnavailableError:
            return
    raise AssertionError("somebody answered")


def main() -> None:
    """Do it all and say with which versions."""
    address, first_device = sys.argv[1], int(sys.argv[2])
    asyncio.run(asyncio_client(address, first_device))
    blocking_client(address, first_device + 2)
    asyncio.run(gateway(address, first_device + 3))
    nobody_there()
    print(" ".join(f"{name}=={version(name)}" for name in ("protobuf", "grpcio", "numpy")))  # noqa: T201


if __name__ == "__main__":
    main()
