"""Kill -9 between the commits of both stores: what was never acknowledged stands in both in the end, or in neither."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.local.service import ServiceProcess
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.integration.iotdb.helpers import read
from tests.integration.migration.live_fleet import walk
from tests.support.service import UNBIDDEN_ENVIRONMENT, Caller, record
from tests.support.waiting import until_told
from tests.support.wire import Wire

BASE = 1_700_000_000_000
#: A device that is written when the server is killed, and one of which points are deleted.
WRITTEN, DELETED = 1, 2
_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'iotflow-server' AND datname = current_database()
"""
_POINTS = "SELECT timestamp FROM telemetry_data WHERE device_id = $1"


@pytest.fixture
async def wire(iotdb_settings: IotdbSettings) -> AsyncIterator[Wire]:
    async with Wire(str(iotdb_settings.host), iotdb_settings.port).laid() as wire:
        yield wire


@pytest.fixture
async def processes(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings, wire: Wire
) -> AsyncIterator[list[ServiceProcess]]:
    """Two instances that are not started; both are patient, so that nothing is given up on before they are killed."""
    environment = {
        "IOTFLOW_POSTGRES_DSN": postgres_dsn,
        "IOTFLOW_POSTGRES_TIMEOUT_SECONDS": "120",
        "IOTFLOW_SECONDARY_PATIENCE_SECONDS": "120",
        "IOTFLOW_INSTANCE_SILENCE_SECONDS": "1",
        "IOTDB_HOST": "127.0.0.1",
        "IOTDB_PORT": str(wire.port),
        "IOTDB_DATABASE": iotdb_settings.database,
        **UNBIDDEN_ENVIRONMENT,
        "IOTDB_TIMEOUT_SECONDS": "120",
    }
    processes = [ServiceProcess(tmp_path / n, {**environment, "IOTFLOW_INSTANCE_NAME": n}) for n in ("one", "two")]
    yield processes
    for process in processes:
        process.kill()


class Stores:
    """Both stores, seen from outside."""

    def __init__(self, iotdb: IotdbStore, postgres: Any) -> None:
        self._iotdb = iotdb
        self.postgres = postgres

    async def in_iotdb(self, device_id: int) -> set[int]:
        """Milliseconds of a device's points."""
        return {moment - BASE for _, moment in await read(self._iotdb, device_id)}

    async def in_postgres(self, device_id: int) -> set[int]:
        """The same in PostgreSQL."""
        found = await self.postgres.fetch(_POINTS, device_id)
        return {int(row["timestamp"].timestamp() * 1000) - BASE for row in found}

    async def are_alike(self) -> bool:
        return all([await self.in_iotdb(d) == await self.in_postgres(d) for d in (WRITTEN, DELETED)])

    async def both_have(self, written: set[int], deleted: set[int]) -> bool:
        return await self.are_alike() and (await self.in_iotdb(WRITTEN), await self.in_iotdb(DELETED)) == (
            written,
            deleted,
        )


@pytest.fixture
async def stores(iotdb_settings: IotdbSettings, postgres_dsn: str) -> AsyncIterator[Stores]:
    iotdb, postgres = IotdbStore(iotdb_settings, lambda _: 0), await asyncpg.connect(postgres_dsn)
    await iotdb.open()
    yield Stores(iotdb, postgres)
    await iotdb.close()
    await postgres.close()


@asynccontextmanager
async def calling(process: ServiceProcess) -> AsyncIterator[Caller]:
    async with grpc.aio.insecure_channel(process.address) as channel:
        yield Caller(channel)


async def start(process: ServiceProcess) -> None:
    await asyncio.to_thread(process.start)


async def failing(call: Coroutine[Any, Any, Any]) -> None:
    """A call that the server does not survive."""
    with suppress(grpc.aio.AioRpcError):
        await call
        raise AssertionError("it was answered")


def points(*moments: int) -> list[dict[str, Any]]:
    return [record(device, BASE + at, {"n": float(at)}) for device in (WRITTEN, DELETED) for at in moments]


@asynccontextmanager
async def postgres_held(stores: Stores) -> AsyncIterator[None]:
    """Keep the service from writing PostgreSQL; what it was about to write there is lost."""
    async with stores.postgres.transaction():
        await stores.postgres.execute("LOCK TABLE telemetry_data IN SHARE MODE")
        yield
        await stores.postgres.execute(_END_SESSIONS)


async def cut_off(caller: Caller, process: ServiceProcess, primary_has: Any) -> None:
    """Kill a server that has written and deleted in the primary alone."""
    calls = [
        asyncio.create_task(failing(caller.write(record(WRITTEN, BASE + 5, {"n": 5.0})))),
        asyncio.create_task(failing(caller.delete(DELETED, BASE + 1, BASE + 3))),
    ]
    await until_told(primary_has)
    await asyncio.to_thread(process.kill)
    await asyncio.gather(*calls)


async def in_sync(caller: Caller) -> None:
    """Return once nothing is known to differ."""

    async def nothing_is_dirty() -> bool:
        return not any(store.dirty_ranges for store in (await caller.status()).stores)

    await until_told(nothing_is_dirty)


async def cut_off_from_postgres(caller: Caller, process: ServiceProcess, stores: Stores) -> None:
    async def iotdb_has() -> bool:
        return (await stores.in_iotdb(WRITTEN), await stores.in_iotdb(DELETED)) == ({1, 2, 5}, set())

    await in_sync(caller)
    await caller.write(*points(1, 2))
    async with postgres_held(stores):
        await cut_off(caller, process, iotdb_has)
    assert not await stores.are_alike()


async def cut_off_from_iotdb(caller: Caller, process: ServiceProcess, stores: Stores, wire: Wire) -> None:
    async def postgres_has() -> bool:
        return (await stores.in_postgres(WRITTEN), await stores.in_postgres(DELETED)) == ({1, 2, 5}, set())

    await in_sync(caller)
    await caller.write(*points(1, 2))
    wire.hold()
    await cut_off(caller, process, postgres_has)
    wire.release()
    assert not await stores.are_alike()


async def test_what_reached_iotdb_alone_reaches_postgresql(processes: list[ServiceProcess], stores: Stores) -> None:
    process = processes[0]
    await start(process)
    async with calling(process) as caller:
        await walk(caller, "DUAL_WRITE")
        await cut_off_from_postgres(caller, process, stores)
    await start(process)
    await until_told(lambda: stores.both_have({1, 2, 5}, set()))


async def test_what_reached_postgresql_alone_reaches_iotdb(
    processes: list[ServiceProcess], stores: Stores, wire: Wire
) -> None:
    process = processes[0]
    await start(process)
    async with calling(process) as caller:
        await walk(caller, "DUAL_WRITE")
        await walk(caller, "READ_POSTGRES")
        await cut_off_from_iotdb(caller, process, stores, wire)
    await start(process)
    await until_told(lambda: stores.both_have({1, 2, 5}, set()))


async def test_an_instance_that_never_comes_back_leaves_nothing_that_differs(
    processes: list[ServiceProcess], stores: Stores
) -> None:
    async with AsyncExitStack() as stack:
        for process in processes:
            await start(process)
        left, dead = [await stack.enter_async_context(calling(process)) for process in processes]
        await walk(left, "DUAL_WRITE")
        await cut_off_from_postgres(dead, processes[1], stores)
        (gone,) = [each.instance_id for each in (await left.status()).instances if each.name == "two"]

        async def is_removed() -> bool:
            with suppress(grpc.aio.AioRpcError):
                return len(await left.remove_instance(gone)) == 1
            return False

        await until_told(is_removed)
        await until_told(lambda: stores.both_have({1, 2, 5}, set()))


async def test_an_end_in_good_order_leaves_nothing_to_compare(processes: list[ServiceProcess], tmp_path: Path) -> None:
    process = processes[0]
    await start(process)
    async with calling(process) as caller:
        await walk(caller, "DUAL_WRITE")
        await in_sync(caller)
        await caller.write(*points(1, 2))
        assert marked(tmp_path / "one") == {WRITTEN, DELETED}
    await asyncio.to_thread(process.terminate)
    assert marked(tmp_path / "one") == set()


def marked(folder: Path) -> set[int]:
    """The devices that an instance has marked on its disk."""
    with sqlite3.connect(folder / "in_flight.sqlite") as connection:
        return {device for (device,) in connection.execute("SELECT device_id FROM in_flight")}
