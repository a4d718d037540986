"""What somebody wants written."""

from __future__ import annotations

from typing import Protocol

from iotflow_server.stores.frame_builder import FrameBuilder


class Writable(Protocol):
    """Points of a message. They become batches only when their flush begins, together with all others of it."""

    @property
    def devices(self) -> frozenset[int]:
        """The devices that it writes."""

    @property
    def nbytes(self) -> int:
        """The memory that it holds, in bytes."""

    @property
    def size(self) -> int:
        """Its values' part of that."""

    def add_to(self, frame: FrameBuilder, precision_us: int) -> None:
        """Add the batches, timestamps floored to the precision. They are added again where a flush is tried again."""
