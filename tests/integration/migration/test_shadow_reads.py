"""Reads repeated on the other store: a difference that was made is found, kept, holds reads where they are, and is
asked again."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.telemetry_service_pb2 import (
    AggregateTelemetryRequest,
    Aggregation,
    GetLatestTelemetryRequest,
    QueryTelemetryStreamRequest,
    TelemetryFilter,
)
from iotflow_server.app import prepared, serving
from iotflow_server.config import IotdbSettings
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.batches import point
from tests.support.service import Caller, record, settings_of, unsatisfied
from tests.support.waiting import until

BASE = 1_700_000_000_000


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def caller(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, metrics: Metrics
) -> AsyncIterator[Caller]:
    settings = settings_of(
        tmp_path / "data",
        postgres_dsn,
        iotdb_settings,
        initial_phase=Phase.DUAL_WRITE,
        shadow_read_share=1.0,
        shadow_reads_at_once=16,
    )
    async with (
        prepared(settings, metrics) as server,
        serving(server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        caller = Caller(channel)
        await caller.write(record(1, BASE, {"n": 0.5}), record(1, BASE + 1000, {"n": 1.5, "t": "é"}))
        yield caller


def calls(stub: Any) -> Any:
    # The generated stubs' types know only calls that block.
    return stub


async def read_in_every_way(caller: Caller) -> None:
    asked, telemetry = TelemetryFilter(device_ids=[1]), calls(caller.telemetry)
    await caller.points(1)
    await telemetry.GetLatestTelemetry(GetLatestTelemetryRequest(device_ids=[1]))
    aggregations = [Aggregation.AGGREGATION_MEAN]
    numbers = TelemetryFilter(device_ids=[1], measurements=["n"])
    await telemetry.AggregateTelemetry(AggregateTelemetryRequest(filter=numbers, aggregations=aggregations))
    async for _ in telemetry.QueryTelemetryStream(QueryTelemetryStreamRequest(filter=asked)):
        pass


async def mismatches(caller: Caller, count: int) -> dict[str, Any]:
    """By method, once there are so many."""
    migration = calls(caller.migration)
    found: list[Any] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            await asyncio.sleep(0.1)
            found = list((await migration.ListShadowMismatches(pb.ListShadowMismatchesRequest())).mismatches)
    return {one.method: one for one in found}


async def test_what_differs_is_found_by_every_read_and_asked_again(
    caller: Caller, postgres_store: PostgresStore
) -> None:
    await postgres_store.write([point(1, (BASE + 1000) * 1000, "n", 2.5)])
    await read_in_every_way(caller)
    found = await mismatches(caller, 4)
    assert set(found) == {"page", "latest", "aggregate", "stream"}
    assert "NUMERIC 1.5" in found["latest"].detail
    assert "NUMERIC 2.5" in found["latest"].detail
    assert json.loads(found["page"].question)["selection"]["device_ids"] == [1]
    assert "no_shadow_mismatches" in unsatisfied((await caller.status()).advance_guards)

    migration = calls(caller.migration)
    replays = [pb.ReplayShadowMismatchRequest(id=one.id) for one in found.values()]
    assert [(await migration.ReplayShadowMismatch(each)).alike for each in replays] == [False] * 4
    await postgres_store.write([point(1, (BASE + 1000) * 1000, "n", 1.5)])
    assert [(await migration.ReplayShadowMismatch(each)).alike for each in replays] == [True] * 4

    job = (await migration.StartVerification(pb.StartVerificationRequest())).job
    async for answer in migration.WatchJob(pb.WatchJobRequest(job_id=job.id)):
        job = answer.job
    assert json.loads(job.report)["open"] == 0
    assert "no_shadow_mismatches" not in unsatisfied((await caller.status()).advance_guards)


async def test_what_is_written_faster_than_it_is_compared_is_no_mismatch(
    caller: Caller, iotdb_store: IotdbStore
) -> None:
    async def stay_ahead() -> None:
        """As a fleet looks to one who asks the secondary first."""
        for number in itertools.count(1):
            await iotdb_store.write([point(1, (BASE + 1000 + number) * 1000, "n", float(number))])

    ahead = asyncio.create_task(stay_ahead())
    await calls(caller.telemetry).GetLatestTelemetry(GetLatestTelemetryRequest(device_ids=[1]))
    await asyncio.sleep(5)
    assert not ahead.done()
    ahead.cancel()
    await asyncio.gather(ahead, return_exceptions=True)
    answer = await calls(caller.migration).ListShadowMismatches(pb.ListShadowMismatchesRequest())
    assert list(answer.mismatches) == []


async def test_how_long_both_stores_take_for_the_same_read_is_recorded(caller: Caller, metrics: Metrics) -> None:
    await read_in_every_way(caller)

    def takes(store: StoreName, method: str) -> float:
        labels = {"store": store.value, "method": method}
        return metrics.registry.get_sample_value("iotflow_shadow_read_seconds_count", labels) or 0.0

    pairs = [(store, method) for store in StoreName for method in ("page", "latest", "aggregate", "stream")]
    async with asyncio.timeout(60):
        await until(lambda: all(takes(store, method) for store, method in pairs))


async def test_reads_of_a_fleet_that_writes_differ_nowhere(caller: Caller) -> None:
    async def write() -> None:
        for number in range(60):
            rows = (BASE + 1000 * (number % 3), BASE + 1000 * number)
            await caller.write(*(record(1, row, {"n": float(number)}) for row in rows))

    writer = asyncio.create_task(write())
    while not writer.done():
        await read_in_every_way(caller)
    await writer
    await asyncio.sleep(4)
    answer = await calls(caller.migration).ListShadowMismatches(pb.ListShadowMismatchesRequest())
    assert list(answer.mismatches) == []
