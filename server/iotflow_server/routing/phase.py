"""The phase of a migration: the only place that knows what a phase means. Nobody compares phases."""

from __future__ import annotations

import enum

from iotflow_server.stores.name import StoreName


class Phase(enum.StrEnum):
    """Where a fleet stands. The words are those of the database, the settings and the protos."""

    PREPARATION = "PREPARATION"
    DUAL_WRITE = "DUAL_WRITE"
    READ_POSTGRES = "READ_POSTGRES"
    POSTGRES_ONLY = "POSTGRES_ONLY"
    DECOMMISSIONED = "DECOMMISSIONED"

    @classmethod
    def parse(cls, word: str) -> Phase:
        """Return the phase of that name, whatever its case.

        :raises ValueError: there is none; the message lists the allowed words.
        """
        try:
            return cls(word.strip().upper())
        except ValueError:
            raise ValueError(f"unknown phase {word!r}; one of {', '.join(cls)} is right") from None

    @property
    def primary(self) -> StoreName:
        """The store that reads come from."""
        return StoreName.IOTDB if self in _READ_IOTDB else StoreName.POSTGRES

    @property
    def secondary(self) -> StoreName | None:
        """The store that is written beside the primary, if any."""
        for store in StoreName:
            if store is not self.primary and self.writes_to(store):
                return store
        return None

    def writes_to(self, store: StoreName) -> bool:
        """Whether writes go to a store."""
        return self in (_WRITE_IOTDB if store is StoreName.IOTDB else _WRITE_POSTGRES)

    def reads_from(self, store: StoreName) -> bool:
        """Whether reads come from a store."""
        return self.primary is store

    @property
    def keeps_iotdb(self) -> bool:
        """Whether IoTDB is still part of the deployment."""
        return self is not Phase.DECOMMISSIONED

    @property
    def next(self) -> Phase | None:
        """The phase after this one."""
        return _neighbour(self, 1)

    @property
    def previous(self) -> Phase | None:
        """The phase that can be gone back to."""
        return _neighbour(self, -1) if self.keeps_iotdb else None


_READ_IOTDB = frozenset({Phase.PREPARATION, Phase.DUAL_WRITE})
_WRITE_IOTDB = frozenset({Phase.PREPARATION, Phase.DUAL_WRITE, Phase.READ_POSTGRES})
_WRITE_POSTGRES = frozenset({Phase.DUAL_WRITE, Phase.READ_POSTGRES, Phase.POSTGRES_ONLY, Phase.DECOMMISSIONED})
_ORDER = tuple(Phase)


def _neighbour(phase: Phase, step: int) -> Phase | None:
    index = _ORDER.index(phase) + step
    return _ORDER[index] if 0 <= index < len(_ORDER) else None
