"""A small fleet that writes through several instances without a stop, and checks every read against its ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import grpc

from iotflow.telemetry.v1.migration_service_pb2 import Migration
from tests.support.service import Caller, record
from tests.support.waiting import until_told

Key = tuple[int, str, int]
ORDER = ["PREPARATION", "DUAL_WRITE", "READ_POSTGRES", "POSTGRES_ONLY", "DECOMMISSIONED"]
DEVICES = (1, 2, 3)


class LiveFleet:
    """Each device writes through the instances in turn; readers ask all of them."""

    def __init__(self, callers: Sequence[Caller], start_ms: int) -> None:
        self._callers = callers
        self._start = start_ms
        self._acknowledged: dict[Key, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        #: What a read should have had and had not, or had otherwise.
        self.wrong: list[str] = []
        self.reads = 0
        self.failed_calls = 0

    async def __aenter__(self) -> LiveFleet:
        jobs = [*(self._write(device) for device in DEVICES), *(self._read(caller) for caller in self._callers)]
        self._tasks = [asyncio.create_task(job) for job in jobs]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_stopping = True
        await asyncio.gather(*self._tasks)

    async def missing(self) -> list[str]:
        """What no instance should be without in the end, by each of them."""
        return [fault for caller in self._callers for fault in await self._faults(caller)]

    async def _write(self, device: int) -> None:
        number = 0
        while not self._is_stopping:
            values = {"n": number + 0.5, "again": float(number)}
            # One point is new, one is written over and over again.
            rows = [record(device, self._start + number, {"n": values["n"]}), record(device, 0, values)]
            try:
                await self._callers[(device + number) % len(self._callers)].write(*rows)
            except grpc.aio.AioRpcError:
                self.failed_calls += 1
                await asyncio.sleep(0.05)
                continue
            self._acknowledged[device, "n", self._start + number] = values["n"]
            self._acknowledged[device, "again", 0] = values["again"]
            number += 1
            await asyncio.sleep(0.02)

    async def _read(self, caller: Caller) -> None:
        while not self._is_stopping:
            try:
                self.wrong += await self._faults(caller)
                self.reads += 1
            except grpc.aio.AioRpcError:
                self.failed_calls += 1
            await asyncio.sleep(0.02)

    async def _faults(self, caller: Caller) -> list[str]:
        expected = dict(self._acknowledged)
        found: dict[Key, Any] = {}
        for device in DEVICES:
            found |= await caller.points(device)
        return [
            f"{key}: {found.get(key)} instead of {value}"
            for key, value in expected.items()
            if key not in found or found[key] < value
        ]


async def walk(caller: Caller, phase: str) -> None:
    """Move to a neighbouring phase once its guards hold."""
    is_forward = ORDER.index(phase) > ORDER.index(name_of(await caller.status()))

    async def may_move() -> bool:
        status = await caller.status()
        guards = status.advance_guards if is_forward else status.roll_back_guards
        return all(guard.satisfied for guard in guards) and not status.HasField("transition")

    try:
        async with asyncio.timeout(60):
            await until_told(may_move)
    except TimeoutError:
        raise AssertionError(f"the fleet may not move to {phase}: {await caller.status()}") from None
    moved = await (caller.advance() if is_forward else caller.roll_back())
    assert name_of(moved) == phase


def name_of(status: Migration) -> str:
    """The phase by its word."""
    return ORDER[status.phase - 1]
