"""What an instance acts by, on its own disk: written before the instance says that it does."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from iotflow_server.migration.fleet import FleetState
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.stance import Promise, Stance


@dataclass(frozen=True, slots=True)
class Position:
    """The revision and epoch that an instance acts by, and how. ``left``: it takes part no more."""

    epoch: int
    revision: int
    stance: Stance
    left: bool = False

    @classmethod
    def at(cls, state: FleetState) -> Position:
        """The position of who acts by a state."""
        return cls(state.epoch, state.revision, state.stance)


class PositionFile:
    """Reads and writes the position; and the name by which the fleet knows this instance."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "phase.json"
        self._id_path = folder / "instance"

    def instance_id(self) -> str:
        """The id of this instance, made up at its first start."""
        if not self._id_path.exists():
            _write(self._id_path, uuid.uuid4().hex)
        return self._id_path.read_text().strip()

    def read(self) -> Position | None:
        """The last position; None where there was none."""
        if not self._path.exists():
            return None
        stored = json.loads(self._path.read_text())
        stance = Stance(
            Phase.parse(stored["phase"]), Promise(stored.get("promise", "primary")), stored.get("remembers", False)
        )
        return Position(int(stored["epoch"]), int(stored.get("revision", 0)), stance, stored.get("left", False))

    def write(self, position: Position) -> None:
        """Make a position durable, whole or not at all."""
        stance = position.stance
        stored = {
            "epoch": position.epoch,
            "phase": stance.phase,
            "revision": position.revision,
            "promise": stance.promise,
            "remembers": stance.remembers,
            "left": position.left,
        }
        _write(self._path, json.dumps(stored))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
