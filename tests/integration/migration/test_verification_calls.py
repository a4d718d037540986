"""A verification by the service, from the call to its report, while points are written through both stores."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import JobState
from iotflow_server.config import IotdbSettings
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.batches import point
from tests.support.service import Caller, record, service, settings_of

BASE = 1_700_000_000_000


def calls(caller: Caller) -> Any:
    # The generated stub's types know only calls that block.
    return caller.migration


async def ended(caller: Caller, job_id: int) -> Any:
    async with asyncio.timeout(120):
        async for answer in calls(caller).WatchJob(pb.WatchJobRequest(job_id=job_id)):
            job = answer.job
    return job


async def overwrite(caller: Caller, is_over: asyncio.Event) -> None:
    """Write new points, and the first ones again and again."""
    number = 0
    while not is_over.is_set():
        number += 1
        rows = [BASE + 1000 * (number % 5), BASE + 1000 * number]
        await caller.write(*(record(1, row, {"n": float(number), "t": f"text {number}"}) for row in rows))


async def test_a_running_fleet_differs_nowhere_and_what_was_spoiled_is_reported(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, postgres_store: PostgresStore
) -> None:
    settings = settings_of(tmp_path / "data", postgres_dsn, iotdb_settings, initial_phase=Phase.DUAL_WRITE)
    async with service(settings) as caller:
        await caller.write(record(1, BASE, {"n": 0.0}), record(2, BASE, {"n": 0.5}), record(2, BASE + 1, {"n": 1.5}))
        await postgres_store.write([point(2, BASE * 1000, "n", 0.25)])
        is_over = asyncio.Event()
        writer = asyncio.create_task(overwrite(caller, is_over))
        try:
            request = pb.StartVerificationRequest(created_by="test", autocorrect=[pb.DIFFERENCE_KIND_MISSING])
            job = (await calls(caller).StartVerification(request)).job
            job = await ended(caller, job.id)
        finally:
            is_over.set()
            await writer
        assert job.state == JobState.JOB_STATE_SUCCEEDED
        asked = pb.GetVerificationReportRequest(job_id=job.id)
        answer = await calls(caller).GetVerificationReport(asked)
        report = json.loads(answer.json)
        assert (report["open"], report["devices"]) == (1, 2)
        assert report["differences"] == [
            {
                "device_id": 2,
                "measurement": "n",
                "timestamp_us": BASE * 1000,
                "kind": "mismatched",
                "primary": "NUMERIC 0.5",
                "secondary": "NUMERIC 0.25",
                "outcome": "OPEN",
            }
        ]
        assert "NUMERIC 0.25" in answer.html
        repair = (await calls(caller).StartRepair(pb.StartRepairRequest())).job
        repaired = json.loads((await ended(caller, repair.id)).report)
        assert (repaired["corrected"], repaired["open"]) == (1, 0)
