"""What jobs change in the stores, and the question before what they cannot undo."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from iotflow.telemetry.cli.migrate.words import store_word
from iotflow.telemetry.v1 import migration_service_pb2 as pb


class Difference(enum.StrEnum):
    """A kind of difference between the stores."""

    MISSING = "missing"
    MISMATCHED = "mismatched"
    EXTRA = "extra"

    @property
    def number(self) -> Any:
        """Its number in messages."""
        return pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{self.name}")


@dataclass(frozen=True)
class Change:
    """What a job does to the stores: ``words`` where that is known, else it puts differences right of these kinds."""

    words: str = ""
    kinds: Collection[Difference] = ()

    @property
    def is_final(self) -> bool:
        """Whether something is lost by it."""
        return bool({Difference.MISMATCHED, Difference.EXTRA} & set(self.kinds))

    def told(self, migration: pb.Migration) -> str:
        """In words, by the stores as the phase has them."""
        if not self.kinds:
            return self.words
        secondary = _store(migration, is_read=False)
        return f"in {secondary}: {', '.join(self._parts(secondary, _store(migration, is_read=True)))}"

    def _parts(self, secondary: str, primary: str) -> Iterator[str]:
        if Difference.MISSING in self.kinds:
            yield "points that it lacks are added"
        if Difference.MISMATCHED in self.kinds:
            yield f"values that differ are OVERWRITTEN by those of {primary}"
        if Difference.EXTRA in self.kinds:
            yield f"points that {primary} does not have are DELETED"


CARRIES: Final = Change("in postgres: points that it lacks are added, nothing that is there is changed")
COMPARES: Final = Change("both stores are only read")
WRITES_FILES: Final = Change("IoTDB is only read; files are written to the folder")


def _store(migration: pb.Migration, *, is_read: bool) -> str:
    found = [store_word(each.store) for each in migration.stores if each.written and each.read == is_read]
    return found[0] if found else f"the {'primary' if is_read else 'secondary'}"
