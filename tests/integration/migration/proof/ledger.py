"""What every point may be, by what was acknowledged and by what was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.integration.migration.proof.instance import Key

#: None: there is no such point.
Value = int | None


class Ledger:
    """The values that a read may find. What was acknowledged leaves one; what failed or was cut off adds one."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._allowed: dict[Key, set[Value]] = {key: {None} for key in keys}
        self._ever: dict[Key, set[Value]] = {key: {None} for key in self._allowed}

    def acknowledged(self, keys: Iterable[Key], *values: Value) -> None:
        """Points have one of these values now: one, unless several were written at once."""
        for key in keys:
            self._allowed[key] = set(values)
            self._ever[key] |= set(values)

    def unknown(self, keys: Iterable[Key], value: Value) -> None:
        """Points may have this value, or what they had."""
        for key in keys:
            self._allowed[key].add(value)
            self._ever[key].add(value)

    def forgive(self) -> None:
        """Reads were moved by force to a store that lacked something: points may be what they have ever been."""
        for key, ever in self._ever.items():
            self._allowed[key] |= ever

    def faults(self, found: Mapping[Key, int]) -> list[str]:
        """What is not as it should be."""
        return [
            f"{key}: {found.get(key)} instead of {' or '.join(map(str, allowed))}"
            for key, allowed in self._allowed.items()
            if found.get(key) not in allowed
        ] + [f"{key}: there is no such point" for key in found.keys() - self._allowed.keys()]
