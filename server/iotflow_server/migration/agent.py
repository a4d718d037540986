"""Takes part in the fleet's transitions for one instance: follows each step, confirms it, and drives the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

import structlog

from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.dirty_ranges import DirtyRanges
from iotflow_server.migration.fleet import FleetState, Step, Transition
from iotflow_server.migration.fleet_figures import FleetFigures
from iotflow_server.migration.fleet_sql import CHANNEL
from iotflow_server.migration.position import Position, PositionFile
from iotflow_server.migration.postgres_fleet import PostgresFleet
from iotflow_server.migration.repairer import Repairer
from iotflow_server.routing.company import Company
from iotflow_server.routing.router import Router
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.pool import PostgresPool

_log = structlog.get_logger(__name__)

#: Between two heartbeats; a change is heard of at once where the session that listens is well.
HEARTBEAT_SECONDS: Final = 1.0
#: While a step waits for this instance itself.
_BUSY_SECONDS: Final = 0.05

#: Keeps all writes away while the stance changes.
Quiesced = Callable[[], AbstractAsyncContextManager[None]]


class FleetAgent:
    """The part of one instance. ``state`` is what it acts by; it may be behind PostgreSQL, never ahead."""

    def __init__(
        self,
        fleet: PostgresFleet,
        file: PositionFile,
        state: FleetState,
        router: Router,
        dirty: DirtyRanges,
        quiesced: Quiesced,
        repairer: Repairer,
        figures: FleetFigures,
        *,
        name: str,
        patience_seconds: float,
    ) -> None:
        """``patience_seconds``: a step that may be undone is, after so long."""
        self.state = state
        self.instance_id = file.instance_id()
        #: Every copy that a job makes goes through it.
        self.copies = CopyGate()
        self._figures = figures
        self._fleet = fleet
        self._file = file
        self._router = router
        self._dirty = dirty
        self._quiesced = quiesced
        self._repairer = repairer
        self._name = name
        self._patience = patience_seconds
        self._is_known = False
        self._may_be_alone = False
        self._confirmed = -1
        self._wake = asyncio.Event()
        self._moved = asyncio.Condition()
        self._ticking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self, pool: PostgresPool) -> None:
        """Take part; what serves the phase without PostgreSQL goes on without it until it is there.

        :raises StoreUnavailableError: the phase cannot do without PostgreSQL, and it is away.
        """
        if self.state.under_way is None and not self.state.phase.keeps_iotdb:
            # No transition leads out of there.
            return
        try:
            await self.tick()
        except StoreUnavailableError:
            if self._router.phase.reads_from(StoreName.POSTGRES):
                raise
        self._task = asyncio.create_task(self._run(pool), name="fleet")

    async def stop(self) -> None:
        """Say that this instance has ended in good order. To be called when nothing is written any more."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        with suppress(StoreError):
            await self._say_goodbye()

    async def tick(self) -> None:
        """Look where the fleet stands, and do what there is to do."""
        async with self._ticking:
            if not self._is_known:
                await self._join()
            told_alone = self._may_be_alone
            found = await self._fleet.beat(self.instance_id, self._figures.pulse(self.state, alone=told_alone))
            if found is None:
                self._is_known = False
                await self._join()
                return
            await self._follow(found)
            await self._confirm()
            await self._drive()
            if await self._figures.look():
                self._look_round(found, told_alone=told_alone)

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def settled(self, revision: int) -> None:
        """Wait until this instance has seen the end of what began after a revision."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.state.revision > revision and self.state.under_way is None)

    async def _join(self) -> None:
        """Register. An instance that somebody has removed learns where the fleet stands before it writes again."""
        async with self._quiesced():
            self._router.company, self._may_be_alone = Company.STRANGERS, False
            before = self._file.read()
            state, was_known = await self._fleet.join(self.instance_id, self._name)
            if not was_known and before is not None and before.revision > 0 and not before.left:
                await self._mark_missed(state)
            await self._act_by(state)
        await self._dirty.shared.begin()
        self._is_known = True
        self._confirmed = -1
        await self._confirm()

    async def _mark_missed(self, state: FleetState) -> None:
        _log.warning("this instance was removed meanwhile", action="instance_rejoined", phase=str(state.phase))
        if state.stance.doubtful is not None:
            await self._dirty.local.add_everything(state.stance.doubtful)

    async def _follow(self, found: FleetState) -> None:
        if found.stance != self._router.stance:
            # Before writes are held, lest they wait for a store that hangs.
            await self._router.settled()
            async with self._quiesced():
                await self._act_by(found)
        elif found.revision > self.state.revision:
            await self._act_by(found)
        else:
            # The same, only older.
            self.state = found
        if found.members > 1 and self._router.company is Company.NOBODY:
            self._router.company = Company.STRANGERS
        await self._tell_moved()

    def _look_round(self, found: FleetState, *, told_alone: bool) -> None:
        """Act as alone only when that was told before the others were counted: who joins after that has read it."""
        is_alone = found.members == 1
        if is_alone and told_alone:
            self._router.company = Company.NOBODY
        else:
            self._router.company = Company.OTHERS if self._figures.are_known else Company.STRANGERS
        if is_alone is not told_alone:
            self._wake.set()
        self._may_be_alone = is_alone

    async def _act_by(self, state: FleetState) -> None:
        """Change the stance. No write is under way, and none that was given up on comes through later."""
        await self._prepare_turn(state)
        before, noted_by = self._router.stance, self._last_stance()
        if noted_by.is_turning and state.phase.primary is noted_by.phase.primary and not state.stance.is_turning:
            # Not turned after all.
            await self._dirty.local.relabel(state.phase.primary, _other(state.phase.primary))
        await asyncio.to_thread(self._file.write, Position.at(state))
        self._router.stance = state.stance
        if state.phase is not before.phase:
            _log.info("phase changed", action="phase_changed", phase=str(state.phase), epoch=state.epoch)
        self.state = state
        self._permit_repair()

    def _last_stance(self) -> Stance:
        """The stance by which this instance acted last, maybe before it was started anew."""
        position = self._file.read()
        return self._router.stance if position is None else position.stance

    async def _prepare_turn(self, state: FleetState) -> None:
        if not state.allows_repair:
            self._repairer.halt()
        secondary = self._router.secondary()
        if state.stance != self._router.stance and secondary is not None:
            await secondary.stragglers_ended()

    def _permit_repair(self) -> None:
        moving = self.state.under_way
        if moving is None or moving.step in (Step.ANNOUNCED, Step.STRICT):
            self._repairer.allow()
            self.copies.open()

    async def _confirm(self) -> None:
        if self._confirmed >= self.state.revision or not await self._has_done_its_part():
            return
        await self._fleet.confirm(self.instance_id, self.state.revision)
        self._confirmed = self.state.revision

    async def _has_done_its_part(self) -> bool:
        moving = self.state.under_way
        if moving is not None and not moving.step.may_be_undone:
            await self._forbid_copies()
            if not moving.target.keeps_iotdb:
                await self._dirty.local.forget(StoreName.IOTDB)
        if moving is None or moving.step is not Step.DRAINED:
            return True
        return await self._is_drained(moving)

    async def _is_drained(self, moving: Transition) -> bool:
        """Whether all is repaired that was dirty when the strict writes began; nothing is repaired after that."""
        if moving.forced or await self._dirty.count(moving.target.primary) == 0:
            await self._forbid_copies()
            return True
        # All have confirmed that what they wrote before the strict window has ended.
        self._repairer.allow(is_settled=True)
        self._wake.set()
        await asyncio.sleep(_BUSY_SECONDS)
        return False

    async def _forbid_copies(self) -> None:
        await self._repairer.forbid()
        await self.copies.close()

    async def _drive(self) -> None:
        """Begin the next step where all have confirmed this one; any instance does, so that none is missed."""
        moving = self.state.under_way
        if moving is None:
            return
        if self._confirmed >= moving.revision and await self._fleet.proceed(moving):
            self._wake.set()
        elif moving.step.may_be_undone and moving.step_seconds > self._patience:
            finding = await self._why_it_waits(moving)
            _log.warning("transition undone", action="transition_undone", target=str(moving.target), finding=finding)
            await self._fleet.undo(moving, finding)
            self._wake.set()

    async def _why_it_waits(self, moving: Transition) -> str:
        waiting = [each.name for each in await self._fleet.instances() if each.confirmed < moving.revision]
        return f"not confirmed within {self._patience:g} s by {', '.join(waiting)}"

    async def _say_goodbye(self) -> None:
        dirt = self._dirty.local.dirt()
        await self._fleet.stop(self.instance_id, self._figures.pulse(self.state, alone=False))
        if self.state.phase.reads_from(StoreName.POSTGRES) and not any(each.ranges for each in dirt.values()):
            # It cannot start again without PostgreSQL, which then tells it the phase.
            await asyncio.to_thread(self._file.write, Position(self.state.epoch, 0, self.state.stance, left=True))
            await self._fleet.leave(self.instance_id)

    async def _tell_moved(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _run(self, pool: PostgresPool) -> None:
        is_well = True
        while True:
            try:
                async with pool.session() as connection:
                    await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
                    is_well = True
                    while not connection.is_closed():
                        await self.tick()
                        await self._woken(HEARTBEAT_SECONDS)
            except StoreError as error:
                if is_well:
                    _log.warning("fleet is not heard of", action="fleet_unheard", error=str(error))
                is_well = False
            except Exception:
                _log.exception("fleet agent failed", action="fleet_failed")
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _woken(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()


def _other(store: StoreName) -> StoreName:
    return next(other for other in StoreName if other is not store)
