"""Both clients read what verifications and shadow reads found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iotflow.telemetry import BlockingTelemetryClient, Record, ShadowMismatch, Store, TelemetryClient
from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.batches import point
from tests.support.service import environment_of
from tests.support.waiting import until_told

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def service(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> AsyncIterator[ServiceProcess]:
    environment = environment_of(
        postgres_dsn,
        iotdb_settings,
        IOTFLOW_INITIAL_PHASE="DUAL_WRITE",
        IOTFLOW_SHADOW_READ_SHARE="1",
    )
    process = ServiceProcess(tmp_path / "data", environment)
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        await asyncio.to_thread(process.kill)


async def mismatch(client: TelemetryClient) -> ShadowMismatch:
    found: tuple[ShadowMismatch, ...] = ()

    async def is_found() -> bool:
        nonlocal found
        found = (await client.list_shadow_mismatches(page_size=1)).mismatches
        return found != ()

    await until_told(is_found)
    return found[0]


async def test_what_differs_is_listed_replayed_and_reported(
    service: ServiceProcess, postgres_store: PostgresStore
) -> None:
    async with TelemetryClient(service.address) as client:
        await client.write([Record(1, {"n": 0.5}, MOMENT)])
        await postgres_store.write([point(1, int(MOMENT.timestamp()) * 1_000_000, "n", 0.25)])
        await client.query(device_ids=[1])
        found = await mismatch(client)
        assert (found.method, found.read_from) == ("page", Store.IOTDB)
        assert found.question["selection"]["device_ids"] == [1]
        replayed = await client.replay_shadow_mismatch(found.id)
        assert (replayed.alike, "0.25" in replayed.detail) == (False, True)
        started = await client.start_verification()
        *_, job = [each async for each in client.watch_job(started.id, timeout=120)]
        report = await client.get_verification_report(job.id)
        assert (report.found["open"], report.found["differences"][0]["secondary"]) == (1, "NUMERIC 0.25")
        assert "NUMERIC 0.25" in report.page
        assert (await client.get_migration()).shadow_mismatches == 1

    def ask() -> None:
        with BlockingTelemetryClient(service.address) as blocking:
            assert blocking.get_verification_report(job.id) == report
            assert blocking.list_shadow_mismatches().mismatches == (found,)
            assert blocking.replay_shadow_mismatch(found.id) == replayed
            assert [each.epoch for each in blocking.list_instances()] == [1]

    await asyncio.to_thread(ask)
