"""Carries history from IoTDB to PostgreSQL: fills in what is missing there, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iotflow_server.migration.backfill.findings import concerns, fault_findings, refusal_findings
from iotflow_server.migration.backfill.isolating import RefusedPoint, fill_apart
from iotflow_server.migration.backfill.joining import joined, values_of
from iotflow_server.migration.backfill.planner import Counted, chunk_of, device_plans, gathered, parts_of
from iotflow_server.migration.backfill.read_ahead import read_ahead
from iotflow_server.migration.backfill.target import Filling, Target
from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.jobs.spec import JobScope, JobSpec
from iotflow_server.migration.jobs.work import (
    Chunk,
    ChunkResult,
    Failure,
    JobControl,
    JobImpossibleError,
    Outcome,
)
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.closing import closing
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.history import History, HistoryFault, HistoryPage, Part
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import OwnerLookup


@dataclass(frozen=True, slots=True)
class Backfills:
    """What backfills are made with. ``adopt`` registers the devices that the origin has and nobody else knows."""

    history: History
    target: Target
    phase: Callable[[], Phase]
    owner_of: OwnerLookup
    adopt: Callable[[], Awaitable[None]]
    copies: CopyGate
    chunk_points: int

    def __call__(self, spec: JobSpec, control: JobControl) -> Backfill:
        """The work of one run."""
        return Backfill(self, spec.scope, control)

    def objection(self, spec: JobSpec) -> str:
        """Why a backfill makes no sense now; empty where it does."""
        phase = self.phase()
        if phase.reads_from(StoreName.IOTDB) and phase.writes_to(StoreName.POSTGRES):
            return ""
        if phase.reads_from(StoreName.IOTDB):
            return f"in {phase} new points go to IoTDB alone, and would be missing: advance to DUAL_WRITE first"
        return f"in {phase} PostgreSQL is what counts, and IoTDB may hold what was deleted there since"


@dataclass(slots=True)
class _Told:
    """What came up in a chunk."""

    points: int
    faults: list[HistoryFault]
    refused: list[RefusedPoint]


class Backfill:
    """Implements migration.jobs.work.Work."""

    def __init__(self, parts: Backfills, scope: JobScope, control: JobControl) -> None:
        self._parts = parts
        self._scope = scope
        self._control = control

    async def plan(self) -> AsyncIterator[Chunk]:
        """Yield chunks of many small devices, or of a range of a large one."""
        self._check_phase()
        await self._parts.adopt()
        inventory = await self._parts.history.inventory()
        devices = self._chosen(inventory.devices)
        faults = (fault for fault in inventory.faults if concerns(self._scope, fault, frozenset(devices)))
        await self._control.found(*fault_findings(faults))
        small: list[Counted] = []
        async for counted in self._counted(devices):
            small.append(counted)
            *full, small = gathered(small, self._parts.chunk_points)
            for parts in full:
                yield chunk_of(parts)
        if small:
            yield chunk_of(small)

    async def run(self, chunk: Chunk) -> ChunkResult:
        """Fill in what is missing of a chunk's parts."""
        self._check_phase()
        await self._control.pace(StoreName.IOTDB, chunk.points)
        await self._control.pace(StoreName.POSTGRES, chunk.points)
        parts, told = parts_of(chunk), _Told(0, [], [])
        async with (
            self._parts.target.filling({part.device_id for part in parts}) as filling,
            closing(joined(read_ahead(self._pages(parts)))) as pages,
        ):
            async for some in pages:
                await self._fill(filling, some, told)
        findings = (*fault_findings(told.faults), *refusal_findings(told.refused))
        return ChunkResult(told.points, _failures(told.refused), findings)

    async def finish(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return what was carried."""
        return {
            "scope": str(self._scope),
            "points": outcome.points,
            "chunks": outcome.chunks,
            "chunks_failed": outcome.chunks_failed,
            "failures": {failure.code: failure.count for failure in outcome.failures},
        }

    def _check_phase(self) -> None:
        phase = self._parts.phase()
        if not (phase.reads_from(StoreName.IOTDB) and phase.writes_to(StoreName.POSTGRES)):
            raise JobImpossibleError(f"the phase is {phase}")

    def _chosen(self, devices: Iterable[int]) -> list[int]:
        wanted, user = frozenset(self._scope.devices), self._scope.user_id
        return [
            device
            for device in sorted(devices)
            if (not wanted or device in wanted) and (not user or self._parts.owner_of(device) == user)
        ]

    async def _counted(self, devices: Sequence[int]) -> AsyncIterator[Counted]:
        measurements = self._scope.measurements or None
        parts = (Part(device, self._scope.time_range, measurements) for device in devices)
        count = 0
        async for plan in device_plans(self._parts.history, parts, self._parts.chunk_points):
            count += 1
            with self._control.waiting(f"its plan: {count} of {len(devices)} devices are counted"):
                await self._control.found(*fault_findings(plan.faults))
                for counted in plan.parts:
                    yield counted

    async def _pages(self, parts: Sequence[Part]) -> AsyncIterator[HistoryPage]:
        for part in parts:
            async for page in self._parts.history.pages(part):
                yield page

    async def _fill(self, filling: Filling, pages: Sequence[HistoryPage], told: _Told) -> None:
        batches = [page.batch for page in pages]
        told.faults += (fault for page in pages for fault in page.faults)
        told.points += sum(map(values_of, batches))
        async with self._parts.copies.copying():
            # A chunk takes long, and once PostgreSQL is read a delete waits for none of it.
            self._check_phase()
            told.refused += await _refused(filling, batches)


async def _refused(filling: Filling, batches: Sequence[Batch]) -> list[RefusedPoint]:
    """Fill in, and return the points that PostgreSQL does not take."""
    try:
        await filling.fill(batches)
    except StoreRefusedError:
        return [point for batch in batches for point in (await fill_apart(filling, batch)).refused]
    return []


def _failures(refused: Sequence[RefusedPoint]) -> tuple[Failure, ...]:
    if not refused:
        return ()
    samples = tuple(f"device {point.device_id}, {point.name!r}: {point.message}" for point in refused[:5])
    return (Failure("VALUE_REFUSED", len(refused), samples),)
