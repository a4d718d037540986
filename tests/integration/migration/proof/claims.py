"""What holds of a fleet whatever happens, and how the proof finds out."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from iotflow_server.routing.stance import Stance
from iotflow_server.stores.name import StoreName
from tests.integration.migration.proof.bed import Bed
from tests.integration.migration.proof.fleet import Member, Outside, look, until
from tests.integration.migration.proof.instance import DEVICES, Failed, Key, Seen
from tests.integration.migration.proof.ledger import Ledger
from tests.support.batches import MS, T0

MOMENTS = 4
KEYS = [(device, moment) for device in DEVICES for moment in range(MOMENTS)]


def _starts(member: Member) -> bool:
    return member.start() is None


class FleetClaims(RuleBasedStateMachine):
    """A fleet of three at most, and the claims that are looked at after whatever happens to it."""

    def __init__(self, bed: Bed) -> None:
        super().__init__()
        self.bed = bed
        self.members = [Member(bed, name) for name in ("one", "two", "three")]
        self.ledger = Ledger(KEYS)
        self.values = itertools.count(1)
        self.outside: Outside | None = None
        self.epochs: dict[str, int] = {}

    @property
    def alive(self) -> list[Member]:
        return [each for each in self.members if each.process is not None]

    @property
    def dead(self) -> list[Member]:
        return [each for each in self.members if each.process is None]

    @invariant()
    def all_holds(self) -> None:
        before = self.outside
        if self.bed.is_up:
            self.outside = self.look()
        if self.outside is not None and self.outside.history:
            self.history_grows(before, self.outside)
        self.stances_go_together([self.seen(member).stance for member in self.alive])
        for member in self.members:
            self.is_behind_nothing_it_has_confirmed(member)
        for member in self.alive:
            faults = self.ledger.faults(self.read(member)) if self.is_served_by(member) else []
            assert not faults, f"{member.name} reads {faults}"

    def history_grows(self, before: Outside | None, now: Outside) -> None:
        assert [epoch for epoch, _ in now.history] == list(range(1, len(now.history) + 1))
        for (_, one), (_, other) in itertools.pairwise(now.history):
            assert other in (one.next, one.previous)
        if before is not None:
            assert now.history[: len(before.history)] == before.history
            assert now.revision >= before.revision
            if now.forced_turns > before.forced_turns:
                self.ledger.forgive()

    def stances_go_together(self, stances: list[Stance]) -> None:
        for one, other in itertools.permutations(stances, 2):
            assert other.phase in (one.phase, one.phase.next, one.phase.previous), (one, other)
            # What one reads, the other must write before it acknowledges.
            assert other.phase.primary is one.phase.primary or other.needs_both, (one, other)

    def is_behind_nothing_it_has_confirmed(self, member: Member) -> None:
        position = member.position
        if position is None:
            return
        assert position.epoch >= self.epochs.get(member.folder, 0)
        self.epochs[member.folder] = position.epoch
        if self.outside is not None and not position.left:
            assert (
                self.outside.confirmed.get(member.file.instance_id(), 0) <= position.revision <= self.outside.revision
            )
        if member.process is not None:
            assert self.seen(member).stance == position.stance

    def is_served_by(self, member: Member) -> bool:
        return self.bed.is_up or self.seen(member).stance.phase.reads_from(StoreName.IOTDB)

    def look(self) -> Outside:
        return look(self.bed)

    def seen(self, member: Member) -> Seen:
        seen = member.ask("see")
        assert isinstance(seen, Seen)
        return seen

    def read(self, member: Member) -> dict[Key, int]:
        found: Any = None

        def is_read() -> bool:
            nonlocal found
            found = member.ask("read")
            return not isinstance(found, Failed)

        # A connection that was dropped meanwhile is noticed by a call that fails.
        assert until(is_read), found
        return dict(found)

    def changed(self, keys: Sequence[Key], value: int | None, member: Member, ask: Callable[[], Any]) -> None:
        stance = self.seen(member).stance
        outcome = ask()
        if outcome is None:
            self.ledger.acknowledged(keys, value)
            return
        self.ledger.unknown(keys, value)
        if isinstance(outcome, Failed):
            assert outcome.error == "StoreUnavailableError", outcome
            assert stance.needs_both or stance.phase.reads_from(StoreName.POSTGRES), outcome

    def may_fail_without_postgres(self, outcome: Any) -> None:
        if isinstance(outcome, Failed):
            assert outcome.error == "StoreUnavailableError", outcome

    def is_missing_somebody(self) -> bool:
        there = {self.seen(member).instance_id for member in self.alive}
        return bool(self.look().confirmed.keys() - there)

    def members_tick_until(self, condition: Callable[[], bool]) -> None:
        def is_so() -> bool:
            for member in self.alive:
                self.may_fail_without_postgres(member.ask("tick"))
            return condition()

        assert until(is_so), self.look()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.all_come_to_rest()
        finally:
            for member in self.members:
                member.kill()
            self.bed.close()

    def all_come_to_rest(self) -> None:
        """Everybody comes back: the transition ends, both stores become alike, and hold what was acknowledged."""
        if not self.bed.is_up:
            self.bed.start_postgres()
        for member in self.dead:
            assert until(partial(_starts, member)), member.name
        self.who_has_a_new_folder_is_removed()
        self.members_tick_until(lambda: self.look().step.is_over)
        phase = self.look().phase
        if phase.secondary is None:
            assert self.alive[0].ask("move", phase.reads_from(StoreName.IOTDB), False, "to be compared") is None
            self.members_tick_until(lambda: self.look().step.is_over)
        self.members_tick_until(self.nothing_is_dirty)
        self.all_holds()
        iotdb, postgres = self.bed.contents()
        assert iotdb == postgres
        found = {(device, (at - T0) // MS): value for (at, device, _), (_, value) in iotdb.items()}
        assert not self.ledger.faults(found)

    def who_has_a_new_folder_is_removed(self) -> None:
        there = {self.seen(member).instance_id for member in self.alive}
        self.bed.let_time_pass()
        self.members_tick_until(lambda: True)
        for gone in self.look().confirmed.keys() - there:
            assert self.alive[0].ask("remove", gone) is None

    def nothing_is_dirty(self) -> bool:
        own = (ranges for member in self.alive for ranges in self.seen(member).dirty.values())
        return not any(own) and not any(self.look().dirty.values())
