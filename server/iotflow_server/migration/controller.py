"""Moves the phase of the fleet, and tells where the migration stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from iotflow_server.migration.agent import FleetAgent
from iotflow_server.migration.evidence import Evidence, guards_by
from iotflow_server.migration.fleet import Instance, Step, Transition, Wish
from iotflow_server.migration.fleet_figures import FleetFigures
from iotflow_server.migration.guards import Findings, guards_between, reachable_error
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.migration.status import (
    Guard,
    GuardsUnsatisfiedError,
    MigrationStatus,
    NoNeighbourError,
    PhaseChange,
    PhaseMismatchError,
    StoreStatus,
    TransitionUnderWayError,
    TransitionUndoneError,
)
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.router import Router
from iotflow_server.stores.errors import StoreError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.store import TelemetryStore

#: A caller is answered after so long although the transition is not over: it waits for an instance, and goes on.
LONGEST_WAIT_SECONDS: Final = 60.0

#: Counts the reads that both stores answered differently of late; may raise StoreError.
CountMismatches = Callable[[], Awaitable[int]]


class MigrationController:
    """What an operator may ask of any instance."""

    def __init__(
        self,
        agent: FleetAgent,
        fleet: PostgresFleet,
        router: Router,
        figures: FleetFigures,
        stores: Mapping[StoreName, TelemetryStore],
        evidence: Sequence[Evidence],
        mismatches: CountMismatches,
        *,
        silence_seconds: float,
    ) -> None:
        """``silence_seconds``: an instance that is not heard of for so long counts as away."""
        self._agent = agent
        self._fleet = fleet
        self._router = router
        self._figures = figures
        self._stores = stores
        self._evidence = evidence
        self._mismatches = mismatches
        self._silence = silence_seconds

    async def status(self) -> MigrationStatus:
        """Where the migration stands now."""
        phase, state = self._router.phase, self._agent.state
        findings, history, mismatches = await asyncio.gather(
            self._findings(), self._history(), self._shadow_mismatches()
        )
        instances = findings.instances
        moving = state.under_way
        return MigrationStatus(
            phase=phase,
            epoch=state.epoch,
            revision=state.revision,
            stores=tuple(self._store_status(name, phase, findings) for name in self._stores),
            advance_guards=await self._guards(phase, phase.next, findings),
            roll_back_guards=await self._guards(phase, phase.previous, findings),
            history=history,
            instances=instances,
            transition=moving,
            waits_for="" if moving is None else self._waits_for(moving, instances),
            shadow_mismatches=mismatches,
        )

    async def remove_instance(self, instance_id: str) -> MigrationStatus:
        """Say that an instance is dead.

        :raises UnknownInstanceError: there is none of that id.
        :raises InstanceHeardError: it lives.
        :raises StoreUnavailableError: PostgreSQL is away.
        """
        await self._fleet.remove(instance_id, self._silence)
        self._agent.wake()
        return await self.status()

    async def advance(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        """Move to the next phase.

        :raises PhaseMismatchError: the phase is not ``expected``.
        :raises NoNeighbourError: there is no next phase.
        :raises TransitionUnderWayError: another transition is not over.
        :raises GuardsUnsatisfiedError: guards do not hold, and ``force`` is not set or does not override them.
        :raises TransitionUndoneError: an instance did not follow in time.
        :raises StoreUnavailableError: PostgreSQL, which keeps the phase, is away.
        """
        self._expect(expected)
        target = self._router.phase.next
        if target is None:
            raise NoNeighbourError(f"{self._router.phase} is the last phase")
        await self._move(Wish(target, changed_by, reason, force))
        return await self.status()

    async def roll_back(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        """Move back to the phase before; raises as :meth:`advance`."""
        self._expect(expected)
        target = self._router.phase.previous
        if target is None:
            raise NoNeighbourError(f"there is no way back from {self._router.phase}")
        await self._move(Wish(target, changed_by, reason, force))
        return await self.status()

    async def _move(self, wish: Wish) -> None:
        with suppress(StoreError):
            # What this instance knows, and what is known of it, may be a heartbeat old.
            await self._agent.tick()
        state = self._agent.state
        if state.under_way is not None:
            raise TransitionUnderWayError(f"a transition to {state.under_way.target} is under way")
        guards = await self._guards(state.phase, wish.target, await self._findings())
        failing = tuple(each for each in guards if not (each.satisfied or (wish.forced and each.forcible)))
        if failing:
            raise GuardsUnsatisfiedError(failing)
        if not await self._fleet.begin(state, wish):
            raise PhaseMismatchError("another instance has moved the phase, or is moving it")
        self._agent.wake()
        await self._arrived(state.revision)

    async def _arrived(self, revision: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await self._agent.settled(revision)
        over = self._agent.state.transition
        if over is not None and over.step is Step.UNDONE and over.revision > revision:
            raise TransitionUndoneError(f"the transition to {over.target} was given up: {over.finding}")

    def _expect(self, expected: Phase | None) -> None:
        if expected is not None and expected is not self._router.phase:
            raise PhaseMismatchError(f"the phase is {self._router.phase}, not {expected}")

    async def _guards(self, current: Phase, target: Phase | None, findings: Findings) -> tuple[Guard, ...]:
        if target is None:
            return ()
        return (*guards_between(current, target, findings), *await guards_by(self._evidence, current, target))

    async def _findings(self) -> Findings:
        errors, instances = await asyncio.gather(self._errors(), self._figures.look())
        return Findings(errors, {store: self._figures.dirt(store) for store in StoreName}, instances, self._silence)

    def _waits_for(self, moving: Transition, instances: Sequence[Instance]) -> str:
        late = [
            f"{each.name} (heard of {each.silent_seconds:.0f} s ago)"
            for each in instances
            if each.confirmed < moving.revision
        ]
        waits = f"to be confirmed by {', '.join(late)}" if late else "the next step begins"
        return f"{moving.step}: {waits}"

    async def _history(self) -> tuple[PhaseChange, ...]:
        with suppress(StoreError):
            return tuple(await self._fleet.history(100))
        return ()

    async def _shadow_mismatches(self) -> int | None:
        with suppress(StoreError):
            return await self._mismatches()
        return None

    async def _errors(self) -> dict[StoreName, str]:
        errors = await asyncio.gather(*(reachable_error(self._stores.get(name)) for name in StoreName))
        return dict(zip(StoreName, errors, strict=True))

    def _store_status(self, name: StoreName, phase: Phase, findings: Findings) -> StoreStatus:
        return StoreStatus(
            store=name,
            reachable=not findings.errors[name],
            written=phase.writes_to(name),
            read=phase.reads_from(name),
            last_error=findings.errors[name],
            figures=self._figures.of(name),
        )
