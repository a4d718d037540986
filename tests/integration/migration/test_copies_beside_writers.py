"""Whatever comes between two steps of a copy, nothing newer is undone, and nothing deleted comes back."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage

from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.postgres_dirty import PostgresDirty
from iotflow_server.migration.repair_pace import RepairPace
from iotflow_server.migration.repairer import Repairer
from iotflow_server.migration.sync import sync_step
from iotflow_server.routing.company import Company
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.device_locks import DeviceLocks
from iotflow_server.stores.postgres.filling import PointFiller
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore
from tests.integration.migration.proof.programs import (
    MOMENTS,
    Change,
    History,
    Program,
    at,
    points,
    programs,
    selection,
    span,
)
from tests.integration.migration.proof.turns import TurnedStore, Turns
from tests.support.batches import Points, collect, points_of
from tests.support.waiting import until_told

#: See CONTRIBUTING.md.
EXAMPLES = int(os.environ.get("IOTFLOW_PROOF_EXAMPLES", "4")) * 6
_EVERYTHING = span(range(MOMENTS))
_devices = itertools.count(1)
_values = itertools.count(1)


class Bed:
    """Both stores, with all that keeps them alike."""

    def __init__(self, iotdb: IotdbStore, postgres: PostgresStore, filler: PointFiller, folder: Path) -> None:
        self.stores: dict[StoreName, TelemetryStore] = {store.name: store for store in (iotdb, postgres)}
        self.filler = filler
        self.locks = DeviceLocks(postgres.pool)
        self.journal = DirtyJournal(folder / "dirty.sqlite", 100)
        self.dirty = DirtyRanges(self.journal, PostgresDirty(postgres.pool, "here", 100))
        self.marks = WritesInFlight(folder / "in-flight.sqlite")

    def router(self, program: Program, stores: dict[StoreName, TelemetryStore]) -> Router:
        router = Router(Stance(program.phase), stores, self.dirty, self.locks, self.marks, 60.0)
        router.company = Company.NOBODY if len(program.writers) == 1 else Company.OTHERS
        return router

    async def content(self, store: StoreName, device: int) -> Points:
        return points_of(await collect(self.stores[store].scan(Selection((device,)))))

    async def repair(self, program: Program) -> None:
        """Repair what is noted, and nothing else."""
        pace = RepairPace(0, lambda: "", lambda: True)
        router = self.router(program, self.stores)
        repairer = Repairer(router, self.journal, self.dirty.shared, self.locks, pace, lambda _, __: None)
        repairer.allow(is_settled=True)
        repairer.start()
        await until_told(self._nothing_is_noted)
        await repairer.stop()

    async def _nothing_is_noted(self) -> bool:
        return not any([await self.dirty.count(store) for store in StoreName])


@pytest.fixture
async def bed(
    iotdb_store: IotdbStore, postgres_store: PostgresStore, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[Bed]:
    filler = PointFiller(postgres_dsn, 1, 30.0, lambda _: 0)
    bed = Bed(iotdb_store, postgres_store, filler, tmp_path)
    yield bed
    await filler.close()
    bed.journal.close()
    await bed.marks.stop()
    bed.marks.close()


class Run:
    """One program, on a device of its own."""

    def __init__(self, bed: Bed, program: Program) -> None:
        self._bed = bed
        self._program = program
        self._device = next(_devices)
        self._turns = Turns(program.seed)
        self._stores: dict[StoreName, TelemetryStore] = {
            name: TurnedStore(store, self._turns) for name, store in bed.stores.items()
        }
        self._history = History([value for value, _ in program.before])

    async def check(self) -> None:
        await self._prepare()
        await self._turns.run([self._copy(), *(self._write(changes) for changes in self._program.writers)])
        await self._bed.repair(self._program)
        iotdb, postgres = [
            await self._bed.content(name, self._device) for name in (StoreName.IOTDB, StoreName.POSTGRES)
        ]
        assert iotdb == postgres
        for moment in range(MOMENTS):
            _, value = iotdb.get((at(moment), self._device, "n"), (None, None))
            assert value in self._history.last(moment), f"{value} at moment {moment}"

    async def _prepare(self) -> None:
        primary, secondary = self._names
        for store, which in ((primary, 0), (secondary, 1)):
            values = {at: pair[which] for at, pair in enumerate(self._program.before)}
            there = {at: value for at, value in values.items() if value is not None}
            for batch in points(self._device, there):
                await self._bed.stores[store].write([batch])

    @property
    def _names(self) -> tuple[StoreName, StoreName]:
        phase = self._program.phase
        assert phase.secondary is not None
        return phase.primary, phase.secondary

    async def _write(self, changes: tuple[Change, ...]) -> None:
        router = self._bed.router(self._program, self._stores)
        for change in changes:
            began, value = self._history.now(), None if change.is_delete else next(_values)
            if value is None:
                await router.delete(selection(self._device, change))
            else:
                await router.write(points(self._device, dict.fromkeys(change.moments, value)))
            self._history.ended(change.moments, began, value)

    async def _copy(self) -> None:
        await (self._fill() if self._program.fills else self._synchronise())

    async def _fill(self) -> None:
        async with self._bed.filler.filling((self._device,)) as filling:
            everything = Selection((self._device,), None, _EVERYTHING)
            async for batch in self._stores[StoreName.IOTDB].scan(everything):
                async with self._turns.around():
                    await filling.fill([batch])

    async def _synchronise(self) -> None:
        source, copy = (self._stores[name] for name in self._names)
        rest = _EVERYTHING
        while rest.start < rest.end:
            async with self._locked(copy):
                step = await sync_step(source, copy, self._device, rest)
            rest = type(rest)(step.end, rest.end)

    def _locked(self, copy: TelemetryStore) -> AbstractAsyncContextManager[None]:
        is_postgres = copy.name is StoreName.POSTGRES
        return self._bed.locks.copying(self._device) if is_postgres else nullcontext()


@pytest.mark.timeout(120 + 20 * EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # What depends on the moment is not the same a second time.
    phases=(Stage.explicit, Stage.reuse, Stage.generate),
    suppress_health_check=list(HealthCheck),
)
@given(program=programs)
async def test_copies_undo_nothing_that_is_newer(bed: Bed, program: Program) -> None:
    await Run(bed, program).check()
