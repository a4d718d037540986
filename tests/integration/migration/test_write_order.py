"""Where both stores are written, PostgreSQL gets ready while IoTDB works, and shows nothing that IoTDB has not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.routing.company import Company
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore
from tests.support.batches import MS, T0, collect, point, points_of
from tests.support.iotdb import settings_for
from tests.support.waiting import until_told

#: A transaction that waits for us, and not for the next statement of its own.
_READY = """
SELECT count(*) FROM pg_stat_activity
WHERE state = 'idle in transaction' AND datname = current_database() AND state_change < now() - interval '0.3 s'
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[DirtyJournal]:
    journal = DirtyJournal(tmp_path / "dirty.sqlite", 100)
    yield journal
    journal.close()


async def _timestamps(store: TelemetryStore) -> set[int]:
    return {timestamp for timestamp, _, _ in points_of(await collect(store.scan(Selection((1,)))))}


async def _is_ready(store: PostgresStore) -> bool:
    async with store.pool.connection() as connection:
        return bool(await connection.fetchval(_READY))


async def test_a_write_is_seen_in_the_secondary_no_earlier_than_in_the_primary(
    own_iotdb: LocalIotdb, postgres_store: PostgresStore, journal: DirtyJournal, tmp_path: Path
) -> None:
    iotdb = IotdbStore(settings_for(own_iotdb, timeout=60.0), lambda _: 0)
    stores = {store.name: store for store in (iotdb, postgres_store)}
    locks, marks = DeviceLocks(postgres_store.pool), WritesInFlight(tmp_path / "in-flight.sqlite")
    dirty = DirtyRanges(journal, PostgresDirty(postgres_store.pool, "here", 100))
    router = Router(Stance(Phase.DUAL_WRITE), stores, dirty, locks, marks, 60.0)
    router.company = Company.NOBODY
    await router.write([point(1, T0, "x", 0.0)])

    async def begin(timestamp: int) -> asyncio.Task[object]:
        own_iotdb.pause()
        write: asyncio.Task[object] = asyncio.create_task(router.write([point(1, timestamp, "x", 1.0)]))
        await until_told(lambda: _is_ready(postgres_store))
        assert await _timestamps(postgres_store) == {T0}
        return write

    write = await begin(T0 + MS)
    own_iotdb.kill()
    with pytest.raises(StoreUnavailableError, match="iotdb"):
        await write
    # IoTDB may have it: nobody knows.
    assert journal.dirt()[StoreName.POSTGRES].ranges == 1
    secondary = router.secondary()
    assert secondary is not None
    await secondary.stragglers_ended()
    assert await _timestamps(postgres_store) == {T0}

    own_iotdb.start()
    await router.write([point(1, T0, "x", 0.0)])
    write = await begin(T0 + 2 * MS)
    own_iotdb.resume()
    await write
    assert await _timestamps(postgres_store) == {T0, T0 + 2 * MS}
    assert await _timestamps(iotdb) >= {T0, T0 + 2 * MS}
    await iotdb.close()
    await marks.stop()
