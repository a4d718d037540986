"""PostgreSQL is read once history was carried there and compared; to go back and forth asks for neither again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iotflow.telemetry import FailedPreconditionError, Guard, Phase, Record, TelemetryClient
from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.support.batches import T0, point
from tests.support.service import environment_of
from tests.support.waiting import until_told


@pytest.fixture
async def client(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, iotdb_store: IotdbStore
) -> AsyncIterator[TelemetryClient]:
    await iotdb_store.write([point(1, T0, "x", 1.0)])
    environment = environment_of(postgres_dsn, iotdb_settings)
    process = ServiceProcess(tmp_path / "data", environment)
    try:
        await asyncio.to_thread(process.start)
        async with TelemetryClient(process.address) as client:
            yield client
    finally:
        await asyncio.to_thread(process.kill)


async def _ended(client: TelemetryClient, job_id: int) -> None:
    async for _ in client.watch_job(job_id, timeout=120):
        pass


async def _open(client: TelemetryClient) -> list[Guard]:
    """The guards of the way forward that do not hold, but for those that will by themselves."""
    guards = (await client.get_migration()).advance_guards
    return [guard for guard in guards if not guard.satisfied and guard.name != "secondary_in_sync"]


async def _in_sync(client: TelemetryClient) -> bool:
    return all(guard.satisfied for guard in (await client.get_migration()).advance_guards)


async def test_postgresql_is_read_after_a_backfill_and_a_verification(client: TelemetryClient) -> None:
    assert await _open(client) == []
    await client.advance_phase()
    assert [guard.name for guard in await _open(client)] == ["backfill_complete", "verified"]
    with pytest.raises(FailedPreconditionError, match="backfill_complete"):
        await client.advance_phase()
    await _ended(client, (await client.start_backfill()).id)
    assert [guard.name for guard in await _open(client)] == ["verified"]
    await _ended(client, (await client.start_verification()).id)
    await until_told(lambda: _in_sync(client))
    assert (await client.advance_phase()).phase is Phase.READ_POSTGRES

    # Back, as far as it goes, and forward once more: what was written meanwhile is known, and repaired.
    await client.roll_back_phase()
    assert (await client.roll_back_phase()).phase is Phase.PREPARATION
    await client.write([Record(1, {"x": 2.0})])
    await client.advance_phase()
    await until_told(lambda: _in_sync(client))
    assert (await client.advance_phase()).phase is Phase.READ_POSTGRES
    page = await client.query(device_ids=[1])
    assert [each.value for each in page.points] == [1.0, 2.0]
