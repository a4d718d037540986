"""Where results are kept."""

from __future__ import annotations

from typing import Protocol


class Entries(Protocol):
    """Results by key. What is under a key never changes, and may be gone at any time.

    No method raises: what cannot be reached holds nothing and takes nothing.
    """

    @property
    def is_up(self) -> bool:
        """Whether it is worth asking."""

    async def get(self, key: bytes) -> bytes | None:
        """Return what is under a key."""

    async def put(self, key: bytes, result: bytes) -> None:
        """Keep a result under a key."""

    async def close(self) -> None:
        """Let go of connections."""
