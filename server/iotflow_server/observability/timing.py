"""What is told of a call while it is timed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Timing:
    """``idle``: seconds of the call in which the store had nothing to do."""

    idle: float = 0.0
