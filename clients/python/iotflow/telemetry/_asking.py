"""How the parts of a client ask the service; the client itself does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any

from iotflow.telemetry._calls import Answer, Call


class Asking(ABC):
    """What the parts of TelemetryClient are made on."""

    @abstractmethod
    async def _answer(self, call: Call[Answer], timeout: float) -> Answer:
        """Make a call that has one answer."""

    @abstractmethod
    def _responses(self, method: str, request: Any, timeout: float | None) -> AsyncIterator[Any]:
        """Make a call that has many answers."""


class BlockingAsking(ABC):
    """What the parts of BlockingTelemetryClient are made on."""

    @abstractmethod
    def _answer(self, call: Call[Answer], timeout: float) -> Answer:
        """Make a call that has one answer."""

    @abstractmethod
    def _responses(self, method: str, request: Any, timeout: float | None) -> Iterator[Any]:
        """Make a call that has many answers."""
