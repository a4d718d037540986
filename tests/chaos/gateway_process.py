"""A gateway in a process of its own, and what of its writes must then be stored."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg

from iotflow.telemetry import GatewayWriter
from tests.chaos.gateway_script import DEVICES, KEYS, OWN_US

ROOT = Path(__file__).parents[2]


class GatewayProcess:
    """The gateway of the script, which can be killed and started again on the same spool."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.spool = folder / "spool"
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def noted(self) -> list[int]:
        """The numbers that writes have returned for."""
        # The last line may be half written.
        return [int(line) for line in self.ledger.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def start(self) -> None:
        """Start it, with numbers that no one before it has used."""
        first = (max(self.noted(), default=0) // 10_000 + 1) * 10_000
        arguments = [self.address, str(self.spool), str(self.ledger), str(first)]
        self._process = subprocess.Popen([sys.executable, "-m", "tests.chaos.gateway_script", *arguments], cwd=ROOT)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        assert self._process.poll() is None, "it has ended by itself"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


async def writes_more(gateway: GatewayProcess, count: int) -> None:
    """Return once its writes have returned for so many more numbers."""
    size = gateway.ledger.stat().st_size
    while gateway.ledger.stat().st_size < size + 6 * count:  # noqa: ASYNC110  # another process writes it
        await asyncio.sleep(0.01)


async def stored(dsn: str, name: str) -> dict[tuple[int, int], int]:
    """The values of a measurement by device and microseconds, from PostgreSQL itself."""
    connection = await asyncpg.connect(dsn)
    query = """
        SELECT device_id, (extract(epoch FROM timestamp) * 1000000)::bigint AS moment, integer_value
        FROM telemetry_data WHERE measurement_name = $1"""
    rows = await connection.fetch(query, name)
    await connection.close()
    return {(row["device_id"], row["moment"]): row["integer_value"] for row in rows}


async def check(gateway: GatewayProcess, dsn: str) -> None:
    """Every number that was noted is stored under its own key, and each shared key holds the last of its own."""
    async with GatewayWriter(gateway.address, spool=gateway.spool) as writer:
        await writer.flush(timeout=60)
        assert writer.status.rejected_points == 0
    noted, own, shared = gateway.noted(), await stored(dsn, "own"), await stored(dsn, "key")
    lost = [number for number in noted if own.get((1 + number % DEVICES, OWN_US + number)) != number]
    assert lost == []
    last = {(number % DEVICES, number // DEVICES % KEYS): number for number in sorted(noted)}
    found = {(device - 1, moment % 1_000_000): value for (device, moment), value in shared.items()}
    # A write that has not returned may be stored all the same.
    assert [key for key, number in last.items() if found.get(key, -1) < number] == []
    for (device, key), number in found.items():
        assert (number % DEVICES, number // DEVICES % KEYS) == (device, key)
