"""Backfills between a real IoTDB and a real PostgreSQL, without a service around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from iotflow_server.config import IotdbSettings
from iotflow_server.migration.backfill.backfill import Backfills
from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.jobs.job import Job, RecordedFinding
from iotflow_server.migration.jobs.job_run import RunSettings
from iotflow_server.migration.jobs.parts import JobParts
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobScope, JobSpec
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.iotdb.history import IotdbHistory
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Scope, Selection
from iotflow_server.stores.store import TelemetryStore
from tests.integration.migration.counting_work import unrehearsed
from tests.support.batches import Points, points_of

DEVICES = tuple(range(1, 40))


@dataclass
class Bed:
    """Both stores, the jobs, and the phase, which a test may set."""

    iotdb: IotdbStore
    postgres: PostgresStore
    parts: JobParts
    phase: Phase = Phase.DUAL_WRITE

    async def backfill(self, scope: JobScope | None = None, **pace: Any) -> Job:
        """Run a backfill to its end."""
        started = await self.parts.jobs.start(JobSpec(JobKind.BACKFILL, scope or JobScope()), JobPace(**pace), "test")
        async with asyncio.timeout(120):
            async for job in self.parts.jobs.watch(started.id):
                last = job
        return last

    async def in_iotdb(self) -> Points:
        """All points there, metadata included."""
        return await _all(self.iotdb)

    async def in_postgres(self) -> Points:
        """All points there, metadata included."""
        return await _all(self.postgres)

    async def findings(self, job: Job) -> dict[str, list[RecordedFinding]]:
        """A job's findings by code."""
        found: dict[str, list[RecordedFinding]] = {}
        for recorded in await self.parts.jobs.findings(job.id, 0, 1_000):
            found.setdefault(recorded.finding.code, []).append(recorded)
        return found


@asynccontextmanager
async def backfill_bed(
    iotdb: IotdbStore, settings: IotdbSettings, postgres: PostgresStore, owners: dict[int, int], chunk_points: int
) -> AsyncIterator[Bed]:
    """Run jobs on open stores."""

    def owner_of(device: int) -> int:
        return owners.get(device, 0)

    async def adopt() -> None:
        owners.update({device: user for device, user in await iotdb.list_devices() if device not in owners})

    history, filler = IotdbHistory(settings, owner_of, 4), postgres.filler(4)
    parts = JobParts.of(
        postgres.pool, "test", lambda: 1, str, lambda _: None, lease_seconds=30, settings=RunSettings(2, 2)
    )
    bed = Bed(iotdb, postgres, parts)
    backfills = Backfills(history, filler, lambda: bed.phase, owner_of, adopt, CopyGate(), chunk_points)
    parts.kinds.offer(JobKind.BACKFILL, backfills, backfills.objection, unrehearsed)
    parts.runner.start()
    try:
        yield bed
    finally:
        await parts.runner.stop()
        await filler.close()
        history.close()


async def _all(store: TelemetryStore) -> Points:
    return points_of([batch async for batch in store.scan(Selection(DEVICES, scope=Scope.BOTH))])
