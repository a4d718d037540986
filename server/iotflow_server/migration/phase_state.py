"""The durable phase: the truth in PostgreSQL, the last known one on local disk."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from iotflow_server.migration.status import PhaseChange
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.name import StoreName


class PhaseTable(Protocol):
    """The history of phases in PostgreSQL; every method may raise StoreUnavailableError."""

    async def history(self, limit: int) -> list[PhaseChange]:
        """Return the newest changes, newest first."""

    async def append(self, change: PhaseChange) -> bool:
        """Make a change durable; False where its epoch is taken already."""


@dataclass(frozen=True, slots=True)
class KnownPhase:
    """A phase and its epoch."""

    epoch: int
    phase: Phase


class PhaseState:
    """Reads and moves the phase."""

    def __init__(self, table: PhaseTable, path: Path) -> None:
        self._table = table
        self._path = path

    async def load(self, first_phase: Phase) -> KnownPhase:
        """Return the phase; of a new deployment ``first_phase`` with epoch 0, which :meth:`enter` makes durable.

        Without PostgreSQL the last known phase serves, if its reads do not need PostgreSQL.

        :raises StoreUnavailableError: PostgreSQL is away, and the phase is unknown or needs it.
        """
        try:
            return await self._latest() or KnownPhase(0, first_phase)
        except StoreUnavailableError as error:
            return self._last_known(error)

    async def enter(self, known: KnownPhase) -> KnownPhase:
        """Make what was loaded durable, once all that the phase needs is there."""
        if known.epoch == 0:
            change = PhaseChange(1, known.phase, datetime.now(UTC), "iotflow-server", "first start", forced=False)
            await self._table.append(change)
            known = await self._latest() or KnownPhase(1, known.phase)
        self.remember(known)
        return known

    async def move(self, change: PhaseChange) -> bool:
        """Make a change durable, in PostgreSQL and then on local disk; False where somebody else was faster."""
        if not await self._table.append(change):
            return False
        self.remember(KnownPhase(change.epoch, change.phase))
        return True

    async def history(self, limit: int = 100) -> tuple[PhaseChange, ...]:
        """Return the changes made, newest first; nothing while PostgreSQL is away."""
        with contextlib.suppress(StoreError):
            return tuple(await self._table.history(limit))
        return ()

    def remember(self, known: KnownPhase) -> None:
        """Write the phase to local disk, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump({"epoch": known.epoch, "phase": known.phase}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)

    async def _latest(self) -> KnownPhase | None:
        newest = await self._table.history(1)
        return KnownPhase(newest[0].epoch, newest[0].phase) if newest else None

    def _last_known(self, error: StoreUnavailableError) -> KnownPhase:
        if not self._path.exists():
            raise StoreUnavailableError(
                StoreName.POSTGRES, f"{error.message}; the first start needs it to learn the phase"
            ) from error
        stored = json.loads(self._path.read_text())
        known = KnownPhase(int(stored["epoch"]), Phase.parse(stored["phase"]))
        if known.phase.reads_from(StoreName.POSTGRES):
            raise error
        return known
