"""Remembers names that were found to be good: fleets send the same ones again and again."""

from __future__ import annotations

from typing import Final

from iotflow_server.api.validate import name_fault

#: Begun anew beyond so many.
_MOST_NAMES: Final = 100_000


class GoodNames:
    """Names of measurements that can be stored."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def is_good(self, name: str) -> bool:
        """Whether a measurement may have this name."""
        if name in self._names:
            return True
        if name_fault(name) is not None:
            return False
        if len(self._names) == _MOST_NAMES:
            self._names.clear()
        self._names.add(name)
        return True
