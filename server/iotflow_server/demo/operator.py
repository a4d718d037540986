"""A simulated operator: carries the fleet from phase to phase, and shows what each step waits for."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from iotflow.telemetry import (
    AbortedError,
    DeadlineExceededError,
    FailedPreconditionError,
    Guard,
    Job,
    JobState,
    Migration,
    Phase,
    TelemetryClient,
    UnavailableError,
)
from iotflow_server.demo.saying import Say

POLL_SECONDS: Final = 1.0
#: Until a step is made, with everything that it waits for; beyond, something is wrong.
LONGEST_STEP_SECONDS: Final = 600.0
_CALL_SECONDS: Final = 120.0
_ORDER: Final = tuple(Phase)
#: To be verified is worth while once nothing else is waited for.
_SATISFIED_BY_VERIFICATION: Final = {"verified", "no_known_differences"}

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Transition:
    """A step that was made; the times are those of ``time.perf_counter``."""

    source: Phase
    target: Phase
    begin: float
    end: float


class Operator:
    """Speaks to whichever instance answers."""

    def __init__(
        self, addresses: Sequence[str], say: Say, meanwhile: Callable[[], Awaitable[None]], folder: Path
    ) -> None:
        """``meanwhile`` runs beside every transition; IoTDB is archived below ``folder``."""
        self._addresses = itertools.cycle(addresses)
        self._count = len(addresses)
        self._say = say
        self._meanwhile = meanwhile
        self._folders = (folder / f"archive-{number}" for number in itertools.count(1))
        self.transitions: list[Transition] = []

    async def phase(self) -> Phase:
        """Where the fleet stands."""
        return (await self._migration()).phase

    async def steps_to(self, target: Phase) -> AsyncIterator[Phase]:
        """Make one step after the other, until the fleet stands in ``target``; yields each phase that is reached.

        :raises TimeoutError: a step was not possible for too long.
        """
        phase = await self.phase()
        while phase is not target:
            async with asyncio.timeout(LONGEST_STEP_SECONDS):
                phase = await self._step(phase, forward=_ORDER.index(target) > _ORDER.index(phase))
            yield phase

    async def _step(self, phase: Phase, *, forward: bool) -> Phase:
        if forward and phase is Phase.POSTGRES_ONLY:
            folder = str(next(self._folders))
            await self._carry_out(lambda client: client.start_archive(folder, created_by="demo"))
        await self._guards_hold(phase, forward=forward)
        begin = time.perf_counter()
        done = asyncio.create_task(self._move(phase, forward=forward))
        await asyncio.gather(done, self._meanwhile())
        reached = await self.phase()
        if reached is not phase:
            self.transitions.append(Transition(phase, reached, begin, time.perf_counter()))
            self._say(f"phase {reached.name}, after {time.perf_counter() - begin:.1f} s")
        return reached

    async def _move(self, phase: Phase, *, forward: bool) -> None:
        async def call(client: TelemetryClient) -> Migration:
            move = client.advance_phase if forward else client.roll_back_phase
            return await move(expected_phase=phase, changed_by="demo", reason="the demo goes on", timeout=_CALL_SECONDS)

        try:
            await self._ask(call)
        except FailedPreconditionError as error:
            self._say(f"  refused: {error}")
        except AbortedError:
            # Another attempt has come through after all.
            return

    async def _carry_out(self, start: Callable[[TelemetryClient], Awaitable[Job]]) -> None:
        try:
            job = await self._ask(start)
        except FailedPreconditionError as error:
            # The answer of an earlier start was lost with its instance: then the job is under way.
            self._say(f"  {error}")
            return
        while job.state in (JobState.PENDING, JobState.RUNNING):
            await asyncio.sleep(POLL_SECONDS)
            job = await self._job(job.id)
        self._say(f"  {job.kind} {job.state}: {job.progress.points_done:,} points")

    async def _job(self, job_id: int) -> Job:
        return await self._ask(lambda client: client.get_job(job_id))

    async def _guards_hold(self, phase: Phase, *, forward: bool) -> None:
        said = ""
        while True:
            migration = await self._migration()
            failing = _failing(migration, forward=forward)
            if not failing or migration.phase is not phase:
                return
            words = "; ".join(f"{guard.name}: {guard.finding}" for guard in failing)
            if words != said:
                self._say(f"  waits for {words}")
            said = words
            await self._satisfy({guard.name for guard in failing})
            await asyncio.sleep(POLL_SECONDS)

    async def _satisfy(self, failing: Set[str]) -> None:
        """Start the job that guards ask for, and wait for its end."""
        if "backfill_complete" in failing:
            await self._carry_out(lambda client: client.start_backfill(created_by="demo"))
        elif failing <= _SATISFIED_BY_VERIFICATION:
            await self._carry_out(lambda client: client.start_verification(created_by="demo"))

    async def _migration(self) -> Migration:
        return await self._ask(lambda client: client.get_migration(timeout=10))

    async def _ask(self, call: Callable[[TelemetryClient], Awaitable[Answer]]) -> Answer:
        while True:
            for address in itertools.islice(self._addresses, self._count):
                try:
                    async with TelemetryClient(address) as client:
                        return await call(client)
                except (UnavailableError, DeadlineExceededError):
                    continue
            await asyncio.sleep(POLL_SECONDS)


def _failing(migration: Migration, *, forward: bool) -> list[Guard]:
    guards = migration.advance_guards if forward else migration.roll_back_guards
    return [guard for guard in guards if not guard.satisfied]
