"""Remembers series that were found to be good: fleets send the same ones again and again."""

from __future__ import annotations

from typing import Final

from iotflow_server.api.validate import name_fault
from iotflow_server.api.values import FIELDS
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.frame_builder import Series

#: Begun anew beyond so many.
_MOST_NAMES: Final = 100_000


class GoodSeries:
    """Series of measurements that can be stored, of all kinds but JSON, which costs more to check than all the rest.

    ``known`` are those that were met, by their field of Value and their name.
    """

    def __init__(self) -> None:
        self._kinds = {field: kind for kind, field in FIELDS.items() if kind is not Kind.JSON}
        self.known: dict[str | None, dict[str, Series]] = {field: {} for field in self._kinds}

    def learn(self, field: str | None, name: str) -> Series | None:
        """The series that a field and a name are; None where they are none."""
        if field not in self._kinds or name_fault(name) is not None:
            return None
        names = self.known[field]
        if len(names) == _MOST_NAMES:
            names.clear()
        learnt = names[name] = (name, self._kinds[field])
        return learnt
