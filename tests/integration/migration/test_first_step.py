"""The step to dual writes: PostgreSQL's schema is proved before, and the repair of history is paced after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.config import IotdbSettings
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.service import Caller, record, service, settings_of, unsatisfied
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
KEY = "ALTER TABLE telemetry_data DROP CONSTRAINT telemetry_data_pkey"


def schema_guard(status: pb.Migration) -> pb.Guard:
    return next(guard for guard in status.advance_guards if guard.name == "postgres_schema")


async def test_a_broken_schema_holds_the_first_step(
    tmp_path: Path, postgres_dsn: str, postgres_store: PostgresStore, iotdb_settings: IotdbSettings
) -> None:
    async with postgres_store.pool.connection() as connection:
        await connection.execute(KEY)
    async with service(settings_of(tmp_path / "data", postgres_dsn, iotdb_settings)) as caller:
        guard = schema_guard(await caller.status())
        assert not guard.satisfied
        assert "telemetry_data has no unique key (device_id, measurement_name, timestamp)" in guard.finding
        with pytest.raises(grpc.aio.AioRpcError, match="postgres_schema") as refused:
            await caller.advance(force=True, reason="in a hurry")
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        async with postgres_store.pool.connection() as connection:
            await connection.execute(
                "ALTER TABLE telemetry_data ADD CONSTRAINT telemetry_data_pkey "
                "PRIMARY KEY (device_id, measurement_name, timestamp)"
            )

        async def holds() -> bool:
            return schema_guard(await caller.status()).satisfied

        await until_told(holds)
        assert "21 points of all kinds" in schema_guard(await caller.status()).finding
        assert (await caller.advance()).phase == pb.PHASE_DUAL_WRITE


async def left_to_repair(caller: Caller) -> int:
    return sum(store.dirty_ranges for store in (await caller.status()).stores)


async def test_the_repair_of_history_keeps_to_its_limit(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings
) -> None:
    settings = settings_of(tmp_path / "data", postgres_dsn, iotdb_settings, repair_points_per_second=1)
    async with service(settings) as caller:
        for device in (1, 2, 3):
            await caller.write(*(record(device, BASE + row, {"n": float(row)}) for row in range(200)))
        await caller.advance()

        async def has_begun() -> bool:
            return any(store.repaired_points for store in (await caller.status()).stores)

        await until_told(has_begun)
        # The next one is due 200 s after the first.
        for _ in range(10):
            await asyncio.sleep(0.2)
            assert await left_to_repair(caller) == 2
        assert unsatisfied((await caller.status()).advance_guards) == ["secondary_in_sync"]
