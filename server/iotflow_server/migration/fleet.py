"""What all instances agree on: the phase, the transition under way, and who takes part."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from iotflow_server.migration.dirt import Dirt
from iotflow_server.migration.pulse import StoreFigures
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.stance import Promise, Stance
from iotflow_server.stores.name import StoreName


class Step(enum.StrEnum):
    """How far a transition is. Every instance confirms a step before the next one begins (docs/adr/0013)."""

    ANNOUNCED = "ANNOUNCED"
    #: Writes are acknowledged only when both stores have them.
    STRICT = "STRICT"
    #: Nothing is dirty, and nothing is repaired any more.
    DRAINED = "DRAINED"
    #: The new phase holds; instances move one by one.
    FLIPPED = "FLIPPED"
    DONE = "DONE"
    UNDONE = "UNDONE"

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self in (Step.DONE, Step.UNDONE)

    @property
    def may_be_undone(self) -> bool:
        """Whether the old phase still holds everywhere."""
        return self in (Step.ANNOUNCED, Step.STRICT, Step.DRAINED)


@dataclass(frozen=True, slots=True)
class Wish:
    """A transition that somebody asks for."""

    target: Phase
    changed_by: str
    reason: str
    forced: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition, under way or over. ``revision`` rises with each step of any; ``finding`` says why it was undone."""

    id: int
    revision: int
    source: Phase
    target: Phase
    step: Step
    changed_by: str
    reason: str
    forced: bool
    started_at: datetime
    #: Seconds since its step began, by the clock of PostgreSQL.
    step_seconds: float
    finding: str

    @property
    def turns(self) -> bool:
        """Whether primary and secondary change places."""
        return self.source.primary is not self.target.primary

    @property
    def next_step(self) -> Step:
        """The step after this one; the last is followed by itself."""
        order = [Step.ANNOUNCED, *((Step.STRICT, Step.DRAINED) if self.turns else ()), Step.FLIPPED, Step.DONE]
        return self.step if self.step.is_over else order[order.index(self.step) + 1]


@dataclass(frozen=True, slots=True)
class FleetState:
    """Where the fleet stands; ``transition`` is the last one."""

    epoch: int
    phase: Phase
    remembers: bool
    transition: Transition | None
    #: How many instances there are.
    members: int = 0

    @property
    def revision(self) -> int:
        """What an instance confirms that acts by this state."""
        return 0 if self.transition is None else self.transition.revision

    @property
    def under_way(self) -> Transition | None:
        """The transition, unless it is over."""
        return None if self.transition is None or self.transition.step.is_over else self.transition

    @property
    def stance(self) -> Stance:
        """How an instance acts by this state."""
        moving = self.under_way
        if moving is None or not moving.turns or moving.step is Step.ANNOUNCED:
            return Stance(self.phase, remembers=self.remembers)
        return Stance(self.phase, Promise.BOTH_MOVED if moving.step is Step.FLIPPED else Promise.BOTH)

    @property
    def allows_repair(self) -> bool:
        """Whether one store may be made like the other: not while instances disagree about the phase."""
        return self.under_way is None or self.under_way.step.may_be_undone


@dataclass(frozen=True, slots=True)
class Instance:
    """A process that serves the deployment, as it was heard of last. ``silent_seconds`` are by the clock of PostgreSQL,
    ``epoch`` and ``step`` those that it acts by.

    ``stopped``: it ended in good order, and what it had on its disk then is all.
    """

    id: str
    name: str
    started_at: datetime
    silent_seconds: float
    confirmed: int
    stopped: bool
    #: It may believe to be the only one.
    alone: bool
    epoch: int
    #: None where no transition is under way.
    step: Step | None
    stores: Mapping[StoreName, StoreFigures]

    @property
    def dirty(self) -> dict[StoreName, Dirt]:
        """What it has recorded on its own disk."""
        return {store: figures.dirt for store, figures in self.stores.items()}
