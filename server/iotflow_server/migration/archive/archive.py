"""Writes IoTDB's history to Parquet files, as a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iotflow_server.migration.archive.folder import ArchiveFolder
from iotflow_server.migration.archive.manifest import DeviceEntry, FileEntry, digest_of
from iotflow_server.migration.archive.writer import BatchWriter
from iotflow_server.migration.backfill.findings import concerns, fault_findings
from iotflow_server.migration.backfill.planner import Counted, chunk_of, device_plans, gathered, parts_of
from iotflow_server.migration.backfill.read_ahead import read_ahead
from iotflow_server.migration.jobs.spec import JobScope, JobSpec
from iotflow_server.migration.jobs.work import Chunk, ChunkResult, JobControl, JobImpossibleError, Outcome
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.closing import closing
from iotflow_server.stores.history import History, HistoryFault, HistoryPage, Part
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import OwnerLookup


@dataclass(frozen=True, slots=True)
class Archives:
    """What archives are made with."""

    history: History
    phase: Callable[[], Phase]
    owner_of: OwnerLookup
    file_points: int

    def __call__(self, spec: JobSpec, control: JobControl) -> Archive:
        """The work of one run."""
        return Archive(self, spec, control)

    def objection(self, spec: JobSpec) -> str:
        """Why an archive makes no sense now; empty where it does."""
        phase = self.phase()
        if phase.writes_to(StoreName.IOTDB):
            return f"in {phase} IoTDB is written, and an archive would lack what comes: advance to POSTGRES_ONLY first"
        return "" if Path(spec.options["folder"]).is_absolute() else "folder: name it from the root, as /var/archive"


class Archive:
    """Implements migration.jobs.work.Work."""

    def __init__(self, parts: Archives, spec: JobSpec, control: JobControl) -> None:
        self._parts = parts
        self._scope: JobScope = spec.scope
        self._control = control
        self._folder = ArchiveFolder(Path(spec.options["folder"]), control.job_id)

    async def plan(self) -> AsyncIterator[Chunk]:
        """Yield a chunk for each file: many small devices, or a range of a large one."""
        self._check_phase()
        await asyncio.to_thread(self._folder.claim)
        inventory = await self._parts.history.inventory()
        devices = self._chosen(inventory.devices)
        faults = (fault for fault in inventory.faults if concerns(self._scope, fault, frozenset(devices)))
        await self._control.found(*fault_findings(faults))
        number = 0
        async for parts in self._files(devices):
            number += 1
            chunk = chunk_of(parts)
            yield Chunk({**chunk.payload, "file": f"history-{number:06}.parquet"}, chunk.points)

    async def run(self, chunk: Chunk) -> ChunkResult:
        """Write a file."""
        self._check_phase()
        await self._control.pace(StoreName.IOTDB, chunk.points)
        faults: list[HistoryFault] = []
        name = chunk.payload["file"]
        with self._folder.file(name) as path:
            devices = await self._write(path, parts_of(chunk), faults)
            size, digest = path.stat().st_size, await asyncio.to_thread(digest_of, path)
        points = sum(device.points for device in devices)
        await asyncio.to_thread(self._folder.note, FileEntry(name, points, size, digest, devices))
        return ChunkResult(points, findings=tuple(fault_findings(faults)))

    async def finish(self, outcome: Outcome) -> Mapping[str, Any]:
        """Write the manifest, and return what it says."""
        if outcome.chunks_failed:
            return {"scope": str(self._scope), "points": outcome.points, "files_failed": outcome.chunks_failed}
        manifest = await asyncio.to_thread(
            self._folder.finish, str(self._scope), outcome.chunks, is_everything=self._scope.is_everything
        )
        return {"scope": manifest.scope, "points": manifest.points, "files": len(manifest.files)}

    async def _write(self, path: Path, parts: Sequence[Part], faults: list[HistoryFault]) -> list[DeviceEntry]:
        with BatchWriter(path, self._parts.owner_of) as file:
            async with closing(read_ahead(self._pages(parts))) as pages:
                async for page in pages:
                    faults += page.faults
                    await asyncio.to_thread(file.write, page.batch)
        return file.devices

    async def _pages(self, parts: Sequence[Part]) -> AsyncIterator[HistoryPage]:
        for part in parts:
            async for page in self._parts.history.pages(part):
                if any(map(len, page.batch.columns)):
                    yield page

    async def _files(self, devices: Sequence[int]) -> AsyncIterator[list[Counted]]:
        parts = (Part(device, self._scope.time_range, self._scope.measurements or None) for device in devices)
        waiting: list[Counted] = []
        async for plan in device_plans(self._parts.history, parts, self._parts.file_points):
            await self._control.found(*fault_findings(plan.faults))
            for counted in plan.parts:
                *full, waiting = gathered([*waiting, counted], self._parts.file_points)
                for each in full:
                    yield each
        if waiting:
            yield waiting

    def _chosen(self, devices: Iterable[int]) -> list[int]:
        wanted, user = frozenset(self._scope.devices), self._scope.user_id
        return [
            device
            for device in sorted(devices)
            if (not wanted or device in wanted) and (not user or self._parts.owner_of(device) == user)
        ]

    def _check_phase(self) -> None:
        phase = self._parts.phase()
        if phase.writes_to(StoreName.IOTDB):
            raise JobImpossibleError(f"the phase is {phase}: IoTDB is written again, and the archive would lack points")
