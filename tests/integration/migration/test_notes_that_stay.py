"""What is noted is noted where, and when, nobody can take it for something else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.file import MarksFile
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Promise, Stance
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.observed import ObservedStore
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection, TimeRange
from tests.support.batches import MS, T0

RANGE = TimeRange(T0, T0 + MS)


class OvertakenStore(ObservedStore):
    """Before it deletes, an instance that has not heard yet of the end of dual writes repairs all there is."""

    def __init__(self, store: PostgresStore, other: PostgresDirty) -> None:
        metrics = Metrics()
        super().__init__(store, metrics.time_store, metrics.points_stored)
        self._other = other

    async def delete(self, selection: Selection) -> None:
        """Delete points."""
        entry = await self._other.claim([StoreName.POSTGRES, StoreName.IOTDB])
        assert entry is not None
        await self._other.split(entry, [])
        await super().delete(selection)


@pytest.fixture
async def dirty(postgres_store: PostgresStore, tmp_path: Path) -> AsyncIterator[DirtyRanges]:
    journal = DirtyJournal(tmp_path / "dirty.sqlite", 100)
    yield DirtyRanges(journal, PostgresDirty(postgres_store.pool, "here", 100))
    journal.close()


@pytest.fixture
async def marks(tmp_path: Path) -> AsyncIterator[WritesInFlight]:
    """One delete was cut off."""
    file = MarksFile(tmp_path / "marks.sqlite")
    file.begin_delete(1, [DirtyRange(1, RANGE)])
    file.close()
    marks = WritesInFlight(tmp_path / "marks.sqlite")
    yield marks
    marks.close()


@pytest.mark.parametrize(
    ("promise", "local", "shared"), [(Promise.BOTH, 1, 0), (Promise.BOTH_MOVED, 0, 1), (Promise.PRIMARY, 0, 1)]
)
async def test_what_was_cut_off_before_a_turn_that_may_be_undone_is_for_who_notes_it(
    dirty: DirtyRanges, marks: WritesInFlight, promise: Promise, local: int, shared: int
) -> None:
    phase = Phase.DUAL_WRITE if promise is Promise.BOTH else Phase.READ_POSTGRES
    await marks.recover(dirty, Stance(phase, promise), 100)
    assert (await dirty.local.count(StoreName.IOTDB), await dirty.shared.count(StoreName.IOTDB)) == (local, shared)


async def test_what_is_deleted_for_the_way_back_is_noted_whoever_repairs_meanwhile(
    dirty: DirtyRanges, marks: WritesInFlight, postgres_store: PostgresStore
) -> None:
    store = OvertakenStore(postgres_store, PostgresDirty(postgres_store.pool, "other", 100))
    router = Router(
        Stance(Phase.POSTGRES_ONLY), {store.name: store}, dirty, DeviceLocks(postgres_store.pool), marks, 60.0
    )
    await router.delete(Selection((1,), None, RANGE))
    assert await dirty.shared.count(StoreName.IOTDB) == 1
