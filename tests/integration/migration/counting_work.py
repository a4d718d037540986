"""A job's work that counts, and does what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from iotflow_server.migration.jobs.plan import JobPlan
from iotflow_server.migration.jobs.spec import JobSpec
from iotflow_server.migration.jobs.work import Chunk, ChunkResult, Finding, JobControl, Outcome
from iotflow_server.stores.name import StoreName

POINTS = 10


@dataclass
class Counting:
    """What all runs of all instances have done. ``gate`` holds chunks up, ``failing`` are those that raise."""

    chunks: int = 6
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)
    plans: int = 0
    error: Exception = field(default_factory=lambda: ValueError("broken"))

    def __call__(self, spec: JobSpec, control: JobControl) -> CountingWork:
        """A WorkFactory."""
        return CountingWork(self, control)

    @classmethod
    def open(cls, chunks: int = 6) -> Counting:
        """One that holds nothing up."""
        counting = cls(chunks)
        counting.gate.set()
        return counting


class CountingWork:
    """Implements migration.jobs.work.Work."""

    def __init__(self, counting: Counting, control: JobControl) -> None:
        self._counting = counting
        self._control = control

    async def plan(self) -> AsyncIterator[Chunk]:
        self._counting.plans += 1
        await self._control.found(Finding("ODD_PATH", "root.x\0y", "not a device"))
        for number in range(self._counting.chunks):
            yield Chunk({"number": number}, POINTS)

    async def run(self, chunk: Chunk) -> ChunkResult:
        number = chunk.payload["number"]
        self._counting.begun.append(number)
        await self._control.pace(StoreName.POSTGRES, POINTS)
        await self._counting.gate.wait()
        if number in self._counting.failing:
            raise self._counting.error
        self._counting.done.append(number)
        return ChunkResult(POINTS)

    async def finish(self, outcome: Outcome) -> Mapping[str, Any]:
        return {"points": outcome.points, "failed": outcome.chunks_failed}


async def unrehearsed(spec: JobSpec) -> JobPlan:
    """An Outlook of jobs that no test of theirs rehearses."""
    raise AssertionError(f"{spec} was rehearsed")
