"""What a measure found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """``ratio`` is the median over the rounds, ``spread`` the least and the greatest. ``unit`` is that of ``value`` and
    ``limit``. Where there is no limit there is no ratio, and ``spread`` is that of the value."""

    key: str
    value: float
    limit: float | None
    ratio: float | None
    unit: str
    goal: str
    rounds: int
    spread: tuple[float, float]
    details: Mapping[str, Any] = field(default_factory=dict)
