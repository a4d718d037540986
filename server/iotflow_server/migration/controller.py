"""Moves the phase, and tells where the migration stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import structlog

from iotflow_server.migration.evidence import Evidence, guards_by
from iotflow_server.migration.guards import guards_between, reachable_error
from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.phase_state import PhaseState
from iotflow_server.migration.repairer import Repairer
from iotflow_server.migration.status import (
    Guard,
    GuardsUnsatisfiedError,
    MigrationStatus,
    NoNeighbourError,
    PhaseMismatchError,
    StoreStatus,
)
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import TelemetryStore

_log = structlog.get_logger(__name__)

#: Keeps all writes away while a transition flips the phase.
Quiesced = Callable[[], AbstractAsyncContextManager[None]]


class MigrationController:
    """The phase of one server instance."""

    def __init__(
        self,
        state: PhaseState,
        router: Router,
        quiesced: Quiesced,
        journal: DirtyJournal,
        repairer: Repairer,
        stores: Mapping[StoreName, TelemetryStore],
        evidence: Sequence[Evidence] = (),
    ) -> None:
        self._state = state
        self._router = router
        self._quiesced = quiesced
        self._journal = journal
        self._repairer = repairer
        self._stores = stores
        self._evidence = evidence
        self._moving = asyncio.Lock()

    async def status(self) -> MigrationStatus:
        """Where the migration stands now."""
        phase, errors = self._router.phase, await self._errors()
        return MigrationStatus(
            phase=phase,
            epoch=self._state.known.epoch,
            stores=tuple(self._store_status(name, phase, errors[name]) for name in self._stores),
            advance_guards=await self._all_guards(phase, phase.next, errors),
            roll_back_guards=await self._all_guards(phase, phase.previous, errors),
            history=await self._state.history(),
        )

    async def advance(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        """Move to the next phase.

        :raises PhaseMismatchError: the phase is not ``expected``.
        :raises NoNeighbourError: there is no next phase.
        :raises GuardsUnsatisfiedError: guards do not hold, and ``force`` is not set.
        :raises StoreUnavailableError: PostgreSQL, which keeps the phase, is away.
        """
        async with self._moving:
            self._expect(expected)
            target = self._router.phase.next
            if target is None:
                raise NoNeighbourError(f"{self._router.phase} is the last phase")
            await self._move(target, changed_by, reason, force)
        return await self.status()

    async def roll_back(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        """Move back to the phase before; raises as :meth:`advance`."""
        async with self._moving:
            self._expect(expected)
            target = self._router.phase.previous
            if target is None:
                raise NoNeighbourError(f"there is no way back from {self._router.phase}")
            await self._move(target, changed_by, reason, force)
        return await self.status()

    async def _move(self, target: Phase, changed_by: str, reason: str, force: bool) -> None:
        current = self._router.phase
        self._check(await self._all_guards(current, target, await self._errors()), force)
        async with self._quiesced():
            # Again, now that nothing is under way that could dirty a range.
            self._check(self._guards(current, target, dict.fromkeys(StoreName, "")), force)
            for store in self._stores:
                if target.writes_to(store) and not current.writes_to(store):
                    await self._journal.add_everything(store)
            if not await self._state.move(target, changed_by, reason, forced=force):
                raise PhaseMismatchError("another instance has moved the phase; restart this one to learn it")
            self._router.phase = target
        for store in self._stores:
            if not target.writes_to(store):
                await self._journal.forget(store)
        _log.info(
            "phase changed", action="phase_changed", phase=str(target), epoch=self._state.known.epoch, by=changed_by
        )

    def _expect(self, expected: Phase | None) -> None:
        if expected is not None and expected is not self._router.phase:
            raise PhaseMismatchError(f"the phase is {self._router.phase}, not {expected}")

    async def _all_guards(
        self, current: Phase, target: Phase | None, errors: Mapping[StoreName, str]
    ) -> tuple[Guard, ...]:
        if target is None:
            return ()
        return (*self._guards(current, target, errors), *await guards_by(self._evidence, current, target))

    def _guards(self, current: Phase, target: Phase | None, errors: Mapping[StoreName, str]) -> tuple[Guard, ...]:
        return () if target is None else guards_between(current, target, errors, self._journal)

    def _check(self, guards: tuple[Guard, ...], force: bool) -> None:
        failing = tuple(guard for guard in guards if not guard.satisfied)
        if failing and not force:
            raise GuardsUnsatisfiedError(failing)

    async def _errors(self) -> dict[StoreName, str]:
        errors = await asyncio.gather(*(reachable_error(self._stores.get(name)) for name in StoreName))
        return dict(zip(StoreName, errors, strict=True))

    def _store_status(self, name: StoreName, phase: Phase, error: str) -> StoreStatus:
        return StoreStatus(
            store=name,
            reachable=not error,
            written=phase.writes_to(name),
            read=phase.reads_from(name),
            dirty_ranges=self._journal.count(name),
            last_error=error,
            repaired_points=self._repairer.repaired[name],
        )
