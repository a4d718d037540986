"""The way back from POSTGRES_ONLY: IoTDB gets what has changed meanwhile, and is not read before it has."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import STORE_IOTDB
from iotflow_server.config import IotdbSettings
from iotflow_server.routing.phase import Phase
from tests.support.service import Caller, record, service, settings_of, unsatisfied
from tests.support.waiting import until_told

BASE = 1_700_000_000_000
DEVICES = (1, 2, 3)


async def write(caller: Caller, rows: range, value: float) -> dict[tuple[int, str, int], float]:
    points = {(device, "n", BASE + row): value + row for device in DEVICES for row in rows}
    await caller.write(*(record(device, at, {name: value}) for (device, name, at), value in points.items()))
    return points


async def of_iotdb(caller: Caller) -> pb.StoreStatus:
    return next(each for each in (await caller.status()).stores if each.store == STORE_IOTDB)


async def test_iotdb_is_read_again_once_every_change_is_found_the_same_in_both(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings
) -> None:
    settings = settings_of(tmp_path / "data", postgres_dsn, iotdb_settings, initial_phase=Phase.READ_POSTGRES)
    async with service(settings) as caller:
        expected = await write(caller, range(20), 0.5)
        await caller.write(record(4, BASE, {"n": 1.5}))
        await caller.advance()
        expected |= await write(caller, range(10, 30), 100.5)
        await caller.delete(4, BASE, BASE + 1)
    # A second for each point.
    async with service(settings.model_copy(update={"repair_points_per_second": 1})) as caller:
        await caller.roll_back()

        async def tells_what_is_left() -> bool:
            iotdb = await of_iotdb(caller)
            return iotdb.dirty_ranges > 1 and iotdb.lag_points >= 20

        await until_told(tells_what_is_left)
        assert (await of_iotdb(caller)).lag_points <= 60
        assert unsatisfied((await caller.status()).roll_back_guards) == ["secondary_in_sync"]
        with pytest.raises(grpc.aio.AioRpcError, match="until both stores have the same"):
            await caller.roll_back()
    async with service(settings) as caller:

        async def is_caught_up() -> bool:
            return not (await of_iotdb(caller)).dirty_ranges

        await until_told(is_caught_up)
        assert (await caller.roll_back()).phase == pb.PHASE_DUAL_WRITE
        assert await caller.points(*DEVICES, 4) == expected
