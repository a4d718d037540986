"""A forced move to PostgreSQL leaves it without points: IoTDB, which has them, is kept until they are filled in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.config import IotdbSettings, Settings
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.store import PostgresStore
from tests.support.batches import point
from tests.support.service import Caller, record, service, settings_of, unsatisfied
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
DEVICES = (1, 2, 3)
EXPECTED = {(device, "n", BASE + row): float(row) for device in DEVICES for row in range(20)}
FOUND = {"no_known_differences", "no_shadow_mismatches"}
_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON telemetry_data FOR EACH ROW WHEN (NEW.device_id = 2) EXECUTE FUNCTION refuse();
"""
_TAKE_AGAIN = "DROP FUNCTION refuse CASCADE"
_LACKS = "INSERT INTO dirty_ranges (store, device_id, starts_at, ends_at) VALUES ('postgres', 1, now(), now())"
_FOUND = """
INSERT INTO migration_jobs (kind, state, spec, pace, epoch, created_by, started_at, ended_at, report)
VALUES ('VERIFICATION', 'SUCCEEDED', '{}', '{}', 1, 'test', now(), now(), '{"open": 3, "scope": "device 1"}')
"""
_MISMATCH = "INSERT INTO shadow_mismatches (method, question, read_from, detail) VALUES ('page', '{}', 'iotdb', 'x')"


@pytest.fixture
def settings(tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings) -> Settings:
    return settings_of(tmp_path / "data", postgres_dsn, iotdb_settings)


async def execute(store: PostgresStore, statement: str) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(statement)


async def is_refused(caller: Caller, guard: str) -> None:
    """Even with force."""
    with pytest.raises(grpc.aio.AioRpcError, match=guard) as refused:
        await caller.advance(force=True, reason="in a hurry")
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def is_free(caller: Caller) -> bool:
    return not unsatisfied((await caller.status()).advance_guards)


async def write_all(caller: Caller) -> None:
    await caller.write(*(record(device, at, {name: value}) for (device, name, at), value in EXPECTED.items()))


async def test_iotdb_is_left_once_all_is_filled_in_that_a_forced_move_left_there(
    settings: Settings, postgres_store: PostgresStore
) -> None:
    await execute(postgres_store, _REFUSE)
    async with service(settings) as caller:
        await write_all(caller)
        await caller.advance()
        assert (await caller.advance(force=True, reason="in a hurry")).phase == pb.PHASE_READ_POSTGRES
        assert not await caller.points(2)
        assert unsatisfied((await caller.status()).advance_guards) == ["primary_whole"]
        await is_refused(caller, "primary_whole")
        assert (await caller.status()).phase == pb.PHASE_READ_POSTGRES
    await execute(postgres_store, _TAKE_AGAIN)
    async with service(settings) as caller:
        await until_told(lambda: is_free(caller))
        assert (await caller.advance()).phase == pb.PHASE_POSTGRES_ONLY
        assert await caller.points(*DEVICES) == EXPECTED


@pytest.fixture
async def caller(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Caller]:
    async with service(settings.model_copy(update={"initial_phase": request.param})) as caller:
        yield caller


@pytest.mark.parametrize("caller", [Phase.POSTGRES_ONLY], indirect=True)
async def test_iotdb_is_not_given_up_while_postgresql_may_lack_what_it_has(
    caller: Caller, postgres_store: PostgresStore
) -> None:
    assert unsatisfied((await caller.status()).advance_guards) == ["iotdb_archived"]
    await execute(postgres_store, _LACKS)
    assert set(unsatisfied((await caller.status()).advance_guards)) == {"primary_whole", "iotdb_archived"}
    await is_refused(caller, "primary_whole")
    # The way to have it filled in is open.
    await caller.roll_back()
    await until_told(lambda: is_free(caller))


@pytest.mark.parametrize("caller", [Phase.READ_POSTGRES], indirect=True)
async def test_iotdb_goes_on_being_written_while_both_are_known_to_differ(
    caller: Caller, postgres_store: PostgresStore
) -> None:
    await execute(postgres_store, _FOUND)
    await execute(postgres_store, _MISMATCH)
    assert set(unsatisfied((await caller.status()).advance_guards)) == FOUND
    with pytest.raises(grpc.aio.AioRpcError, match="no_known_differences"):
        await caller.advance()
    assert (await caller.advance(force=True, reason="they are known")).phase == pb.PHASE_POSTGRES_ONLY
    # The next step has no way back: it asks once more.
    assert set(unsatisfied((await caller.status()).advance_guards)) == {*FOUND, "iotdb_archived"}


async def test_postgresql_is_left_with_force_alone_while_iotdb_refuses_what_it_has(
    settings: Settings, iotdb_store: IotdbStore
) -> None:
    await iotdb_store.write([point(1, BASE * 1000, "n", True)])
    async with service(settings.model_copy(update={"initial_phase": Phase.POSTGRES_ONLY})) as caller:
        await caller.write(record(1, BASE, {"n": 1.5}))
        await caller.roll_back()
        assert (await caller.roll_back(force=True, reason="it refuses one")).phase == pb.PHASE_DUAL_WRITE
        assert unsatisfied((await caller.status()).roll_back_guards) == ["primary_whole"]
        with pytest.raises(grpc.aio.AioRpcError, match="primary_whole"):
            await caller.roll_back()
        assert (await caller.roll_back(force=True, reason="it is not wanted")).phase == pb.PHASE_PREPARATION
