"""Who writes a stream, as far as that is needed to tell a late write from a newer one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamWriter:
    """One stream of a writer: the one with the greatest ``attempt`` has taken the place of all others."""

    writer_id: str
    attempt: int

    @property
    def is_first(self) -> bool:
        """Whether there is no stream before it, so that there is nobody to tell of it."""
        return self.attempt <= 1
