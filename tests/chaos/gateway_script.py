"""A gateway as a process: writes without end, and notes in a ledger what each write returned for.

Arguments: address, spool, ledger, first number. Number n is a write to device 1 + n % 3, of n itself under the key
n // 3 % KEYS of "key", which is overwritten again and again, and under a key of its own of "own".
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from iotflow.telemetry import GatewayWriter

BASE_US = 1_700_000_000_000_000
#: A device's rows of "own" come after those of "key".
OWN_US = BASE_US + 1_000_000
DEVICES = 3
KEYS = 100
#: Writes that are under way at once.
TASKS = 50


async def main(address: str, spool: Path, ledger: Path, first: int) -> None:
    """Write until killed."""
    numbers = itertools.count(first)
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with GatewayWriter(address, spool=spool, max_backoff=0.2) as writer:

        async def write() -> None:
            for number in numbers:
                device = 1 + number % DEVICES
                await writer.write(device, {"key": number}, BASE_US + number // DEVICES % KEYS)
                await writer.write(device, {"own": number}, OWN_US + number)
                os.write(descriptor, b"%d\n" % number)

        await asyncio.gather(*(write() for _ in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
