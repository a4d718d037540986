"""An end in good order leaves nothing under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.config import IotdbSettings
from iotflow_server.ingest.ingest import Ingest
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.routing.fence import Fence
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.postgres.stream_writers import StreamWriters
from iotflow_server.stores.postgres.takeovers import StreamTakeovers
from iotflow_server.stores.store import TelemetryStore

_NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    """Of stores that nobody reaches."""
    pool = PostgresPool(_NOWHERE, 1, 1.0)
    journal, marks = DirtyJournal(tmp_path / "dirty.sqlite"), WritesInFlight(tmp_path / "marks.sqlite")
    stores: list[TelemetryStore] = [
        PostgresStore(_NOWHERE, 1, 1.0, lambda _: 0),
        IotdbStore(IotdbSettings(host="127.0.0.1", port=1), lambda _: 0),
    ]
    yield Router(
        Stance(Phase.READ_POSTGRES),
        {store.name: store for store in stores},
        DirtyRanges(journal, PostgresDirty(pool, "here", 100)),
        DeviceLocks(pool),
        marks,
        patience_seconds=0.01,
    )
    journal.close()
    marks.close()


async def test_what_was_given_up_on_has_ended_and_is_noted(router: Router) -> None:
    pool = PostgresPool(_NOWHERE, 1, 1.0)
    writers = StreamWriters(pool)
    ingest = Ingest(router, Fence(writers, StreamTakeovers(pool, writers, 1.0), lambda: router.phase), 1)
    let_through, events = asyncio.Event(), []

    async def come_late(_: TelemetryStore) -> None:
        await let_through.wait()
        events.append("ended")

    async def note() -> None:
        events.append("noted")

    async def stop() -> None:
        await ingest.stop()
        events.append("stopped")

    secondary = router.secondary()
    assert secondary is not None
    call = secondary.begin(come_late)
    assert call is not None
    assert not await secondary.settle(call)
    secondary.when_ended(call, note)
    stopping = asyncio.create_task(stop())
    await asyncio.sleep(0.05)
    let_through.set()
    await stopping
    assert events == ["ended", "noted", "stopped"]
