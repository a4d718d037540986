"""What may happen to a fleet in any order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from iotflow_server.migration.fleet import Step
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from tests.integration.migration.proof.claims import KEYS, MOMENTS, FleetClaims
from tests.integration.migration.proof.fleet import Member
from tests.integration.migration.proof.instance import DEVICES, Failed, Key

#: A tick, a write or a start takes fewer turns of the event loop.
_MOST_TURNS = 60

numbers = st.integers(0, 7)
turns = st.none() | st.integers(0, _MOST_TURNS)
keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)
moments = st.tuples(st.integers(0, MOMENTS), st.integers(0, MOMENTS)).map(sorted)
#: A fleet begins anywhere, most of them where primary and secondary may change places.
phases = st.sampled_from(
    [
        Phase.DUAL_WRITE,
        Phase.READ_POSTGRES,
        Phase.PREPARATION,
        Phase.DUAL_WRITE,
        Phase.READ_POSTGRES,
        Phase.POSTGRES_ONLY,
    ]
)
mostly = st.sampled_from([True, True, False])
rarely = st.sampled_from([False] * 5 + [True])
steps = st.sampled_from([Step.ANNOUNCED, Step.STRICT, Step.DRAINED, Step.FLIPPED, Step.DONE])


def somebody_lives(machine: FleetMachine) -> bool:
    return bool(machine.alive)


def postgres_is_up(machine: FleetMachine) -> bool:
    return machine.bed.is_up


def both(machine: FleetMachine) -> bool:
    return somebody_lives(machine) and postgres_is_up(machine)


class FleetMachine(FleetClaims):
    """Instances tick, write and die, an operator moves the phase, PostgreSQL goes and comes back."""

    def one(self, number: int) -> Member:
        return self.alive[number % len(self.alive)]

    @initialize(phase=phases)
    def two_instances_start(self, phase: Phase) -> None:
        self.bed.first_phase = phase
        for member in self.members[:2]:
            assert member.start() is None

    @precondition(lambda self: self.dead)
    @rule(number=numbers, is_fresh=rarely, turns=turns)
    def start(self, number: int, is_fresh: bool, turns: int | None) -> None:
        member = self.dead[number % len(self.dead)]
        if member.is_removed and not self.bed.is_up:
            # It cannot know, and serves by what it knew: who removes an instance says that it does not come back.
            return
        if is_fresh:
            member.folders += 1
        knows = member.position
        outcome = member.start(turns)
        if isinstance(outcome, Failed):
            needs = knows is None or knows.left or knows.stance.phase.reads_from(StoreName.POSTGRES)
            assert not self.bed.is_up or "unavailable" in outcome.error.lower(), outcome
            assert needs or self.bed.is_up, outcome

    @precondition(somebody_lives)
    @rule(number=numbers, turns=turns)
    def tick(self, number: int, turns: int | None) -> None:
        self.may_fail_without_postgres(self.one(number).ask("tick", turns=turns))

    @precondition(somebody_lives)
    @rule(rounds=st.integers(1, 4))
    def all_tick(self, rounds: int) -> None:
        for _ in range(rounds):
            for member in self.alive:
                self.may_fail_without_postgres(member.ask("tick"))

    @precondition(somebody_lives)
    @rule(number=numbers)
    def kill(self, number: int) -> None:
        self.one(number).kill()

    @precondition(somebody_lives)
    @rule(number=numbers)
    def stop(self, number: int) -> None:
        self.one(number).stop()

    @precondition(somebody_lives)
    @rule(number=numbers, keys=keys, turns=turns)
    def write(self, number: int, keys: list[Key], turns: int | None) -> None:
        member, value = self.one(number), next(self.values)
        self.changed(keys, value, member, lambda: member.ask("write", keys, value, turns=turns))

    @precondition(somebody_lives)
    @rule(number=numbers, device=st.sampled_from(DEVICES), moments=moments, turns=turns)
    def delete(self, number: int, device: int, moments: list[int], turns: int | None) -> None:
        member, keys = self.one(number), [(device, moment) for moment in range(*moments)]
        self.changed(keys, None, member, lambda: member.ask("delete", device, *moments, turns=turns))

    @precondition(lambda self: len(self.alive) > 1)
    @rule(keys=keys)
    def write_at_once(self, keys: list[Key]) -> None:
        begun = []
        for member in self.alive:
            value = next(self.values)
            assert member.process is not None
            begun.append((member, value, member.process.begin("write", keys, value), member.process.begin("tick")))
        values = []
        for member, value, number, tick in begun:
            assert member.process is not None
            outcome = member.process.end(number)
            member.process.end(tick)
            if isinstance(outcome, Failed):
                self.ledger.unknown(keys, value)
            else:
                values.append(value)
        if values:
            failed = [value for _, value, _, _ in begun]
            self.ledger.acknowledged(keys, *failed)

    @precondition(both)
    @rule(number=numbers, is_forward=mostly, is_forced=rarely, turns=turns)
    def move(self, number: int, is_forward: bool, is_forced: bool, turns: int | None) -> None:
        if is_forward and self.outside is not None and self.outside.phase is Phase.POSTGRES_ONLY:
            # Out of the last phase nothing leads.
            return
        self.one(number).ask("move", is_forward, is_forced, "to be proved", turns=turns)

    @precondition(both)
    @rule(is_forward=mostly, step=steps)
    def walk(self, is_forward: bool, step: Step) -> None:
        """Move the phase up to a step, if guards allow it; everybody is there."""
        for member in self.dead:
            member.start()
        self.all_tick(1)
        self.move(0, is_forward, False, None)
        for member in self.alive * 10:
            self.may_fail_without_postgres(member.ask("tick"))
            self.all_holds()
            if self.look().step in (step, Step.DONE, Step.UNDONE):
                return

    @precondition(postgres_is_up)
    @rule()
    def postgres_crashes(self) -> None:
        self.bed.stop_postgres()

    @precondition(lambda self: not self.bed.is_up)
    @rule()
    def postgres_returns(self) -> None:
        self.bed.start_postgres()

    @precondition(postgres_is_up)
    @rule()
    def sessions_end(self) -> None:
        self.bed.end_sessions()

    @precondition(postgres_is_up)
    @rule()
    def time_passes(self) -> None:
        self.bed.let_time_pass()

    @precondition(lambda self: self.bed.is_up and self.alive and self.dead)
    @rule(number=numbers)
    def remove(self, number: int) -> None:
        member = self.dead[number % len(self.dead)]
        if member.position is None:
            return
        self.bed.let_time_pass()
        outcome = self.one(number).ask("remove", member.file.instance_id())
        assert outcome is None or outcome.error == "UnknownInstanceError", outcome
        member.is_removed = True

    @precondition(lambda self: self.bed.is_up and self.alive)
    @rule()
    def settle(self) -> None:
        """With all instances there a transition is finished; without some it is undone or waits for them to move."""
        self.members_tick_until(lambda: self.look().step.is_over or self.is_missing_somebody())
        if self.is_missing_somebody():
            self.bed.let_time_pass()
            self.members_tick_until(lambda: not self.look().step.may_be_undone)
