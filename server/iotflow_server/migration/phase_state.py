"""The durable phase: the truth in PostgreSQL, the last known one on local disk."""

from __future__ import annotations

import contextlib
import enum
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from iotflow_server.migration.status import PhaseChange
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.name import StoreName

_SELF: Final = "iotflow-server"


class PhaseTable(Protocol):
    """The history of phases in PostgreSQL; every method may raise StoreUnavailableError."""

    async def history(self, limit: int) -> list[PhaseChange]:
        """Return the newest changes, newest first."""

    async def append(self, change: PhaseChange) -> bool:
        """Make a change durable; False where its epoch is taken already."""


class Certainty(enum.StrEnum):
    """What the local copy says beside the phase."""

    SETTLED = "settled"
    #: A change was begun; whether it came through, only PostgreSQL knows.
    MOVING = "moving"
    #: The same, but this instance has gone on in the old phase since: the change must not count.
    STAYED = "stayed"


@dataclass(frozen=True, slots=True)
class KnownPhase:
    """A phase and its epoch; epoch 0 is a new deployment's, not durable yet."""

    epoch: int
    phase: Phase


class PhaseState:
    """Reads and moves the phase. ``known`` is the phase of this instance."""

    def __init__(self, table: PhaseTable, path: Path) -> None:
        self._table = table
        self._path = path
        self._certainty = Certainty.SETTLED
        self.known = KnownPhase(0, Phase.PREPARATION)

    async def load(self, first_phase: Phase) -> KnownPhase:
        """Return the phase; of a new deployment ``first_phase`` with epoch 0, which :meth:`enter` makes durable.

        Without PostgreSQL the last known phase serves, if its reads do not need PostgreSQL.

        :raises StoreUnavailableError: PostgreSQL is away, and the phase is unknown or needs it.
        """
        local = self._read()
        try:
            if local is not None and self._certainty is Certainty.STAYED:
                self.known = local
                await self._undo_unconfirmed()
            self.known = await self._latest() or KnownPhase(0, first_phase)
        except StoreUnavailableError as error:
            self.known = self._without_postgres(local, error)
        return self.known

    async def enter(self) -> None:
        """Make what was loaded durable, once all that the phase needs is there."""
        if self.known.epoch == 0:
            await self._table.append(_change(KnownPhase(1, self.known.phase), _SELF, "first start"))
            self.known = await self._latest() or KnownPhase(1, self.known.phase)
        if self._certainty is not Certainty.STAYED:
            self._remember(Certainty.SETTLED)

    async def move(self, phase: Phase, changed_by: str, reason: str, *, forced: bool) -> bool:
        """Make a change durable, in PostgreSQL and then on local disk; False where somebody else was faster.

        :raises StoreUnavailableError: PostgreSQL did not confirm it; it does not count, whatever PostgreSQL says.
        """
        if self._certainty is Certainty.STAYED:
            await self._undo_unconfirmed()
        target = KnownPhase(self.known.epoch + 1, phase)
        self._remember(Certainty.MOVING)
        try:
            moved = await self._table.append(_change(target, changed_by, reason, forced=forced))
        except BaseException:
            self._remember(Certainty.STAYED)
            raise
        if moved:
            self.known = target
        self._remember(Certainty.SETTLED)
        return moved

    async def history(self, limit: int = 100) -> tuple[PhaseChange, ...]:
        """Return the changes made, newest first; nothing while PostgreSQL is away."""
        with contextlib.suppress(StoreError):
            return tuple(await self._table.history(limit))
        return ()

    async def _undo_unconfirmed(self) -> None:
        """Say in PostgreSQL that a change which was not confirmed does not count, if it came through."""
        latest = await self._latest()
        if latest is not None and latest.epoch > self.known.epoch:
            back = KnownPhase(latest.epoch + 1, self.known.phase)
            await self._table.append(_change(back, _SELF, f"the change to {latest.phase} was not confirmed"))
            self.known = back
        self._remember(Certainty.SETTLED)

    async def _latest(self) -> KnownPhase | None:
        newest = await self._table.history(1)
        return KnownPhase(newest[0].epoch, newest[0].phase) if newest else None

    def _without_postgres(self, local: KnownPhase | None, error: StoreUnavailableError) -> KnownPhase:
        if local is None:
            why = "the first start needs it to learn the phase"
        elif self._certainty is Certainty.MOVING:
            why = "a change of the phase was under way, and only it knows how that ended"
        elif local.phase.reads_from(StoreName.POSTGRES):
            raise error
        else:
            return local
        raise StoreUnavailableError(StoreName.POSTGRES, f"{error.message}; {why}") from error

    def _read(self) -> KnownPhase | None:
        if not self._path.exists():
            return None
        stored = json.loads(self._path.read_text())
        self._certainty = Certainty(stored["certainty"])
        return KnownPhase(int(stored["epoch"]), Phase.parse(stored["phase"]))

    def _remember(self, certainty: Certainty) -> None:
        """Write the phase to local disk, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump({"epoch": self.known.epoch, "phase": self.known.phase, "certainty": certainty}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._certainty = certainty


def _change(to: KnownPhase, changed_by: str, reason: str, *, forced: bool = False) -> PhaseChange:
    return PhaseChange(to.epoch, to.phase, datetime.now(UTC), changed_by, reason, forced)
