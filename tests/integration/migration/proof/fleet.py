"""A fleet of instances in processes of their own, and what an operator and the outside see of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iotflow_server.migration.fleet import Step
from iotflow_server.migration.position import Position, PositionFile
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from tests.integration.migration.proof.bed import Bed
from tests.integration.migration.proof.process import Died, InstanceProcess

_LONGEST_SECONDS = 90.0
_HISTORY = "SELECT epoch, phase FROM migration_phase ORDER BY epoch"


@dataclass
class Member:
    """An instance, alive or not. ``folders``: how many it has had."""

    bed: Bed
    name: str
    folders: int = 1
    process: InstanceProcess | None = None
    is_removed: bool = False

    @property
    def file(self) -> PositionFile:
        """What it knows without PostgreSQL."""
        return PositionFile(self.bed.settings(self.name, self.folder).data_dir)

    @property
    def folder(self) -> str:
        """Where it keeps that."""
        return f"{self.name}-{self.folders}"

    @property
    def position(self) -> Position | None:
        """By what it acted last."""
        return self.file.read()

    def start(self, turns: int | None = None) -> Any:
        """None, or why it did not start."""
        process = InstanceProcess(self.bed.settings(self.name, self.folder), turns)
        outcome = process.started()
        if outcome is None:
            self.process, self.is_removed = process, False
        elif not isinstance(outcome, Died):
            process.kill()
        return outcome

    def ask(self, method: str, *arguments: Any, turns: int | None = None) -> Any:
        """Give an order to who is alive, and return what it comes to."""
        assert self.process is not None
        return self.noted(self.process.ask(method, *arguments, turns=turns))

    def noted(self, outcome: Any) -> Any:
        """The same, once it is noted who has died of it."""
        if isinstance(outcome, Died):
            self.process = None
        return outcome

    def kill(self) -> None:
        """Kill -9, if it is alive."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def stop(self) -> None:
        """End in good order."""
        if self.process is not None:
            self.process.stop()
            self.process = None


@dataclass(frozen=True)
class Outside:
    """What PostgreSQL says of the fleet."""

    history: list[tuple[int, Phase]]
    step: Step
    revision: int
    #: What each registered instance has confirmed, by its id.
    confirmed: dict[str, int]
    #: Transitions that were forced, have flipped, and let another store be read.
    forced_turns: int
    dirty: dict[StoreName, int]

    @property
    def phase(self) -> Phase:
        """The phase that holds."""
        return self.history[-1][1]


def look(bed: Bed) -> Outside:
    """Look into PostgreSQL, which must be up."""
    moves = bed.rows("SELECT * FROM migration_transitions ORDER BY revision")
    return Outside(
        history=[(row["epoch"], Phase(row["phase"])) for row in bed.rows(_HISTORY)],
        step=Step(moves[-1]["step"]) if moves else Step.DONE,
        revision=moves[-1]["revision"] if moves else 0,
        confirmed={row["instance_id"]: row["confirmed"] for row in bed.rows("SELECT * FROM instances")},
        forced_turns=sum(
            row["forced"]
            and row["step"] in (Step.FLIPPED, Step.DONE)
            and Phase(row["from_phase"]).primary is not Phase(row["to_phase"]).primary
            for row in moves
        ),
        dirty={store: len(bed.rows(f"SELECT FROM dirty_ranges WHERE store = '{store}'")) for store in StoreName},
    )


def until(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes to hold, at the latest when even a busy machine has had time enough."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
    return True
