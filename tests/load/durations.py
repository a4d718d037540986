"""Durations as Go writes them: ``20s``, ``1m30s``, ``250ms``."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds_of(text: str) -> float:
    """Return the seconds of a duration that is not negative.

    :raises ValueError: it is none; the message says what would be right.
    """
    if text == "0":
        return 0.0
    if not text or _PART.sub("", text):
        raise ValueError(f"{text!r} is not a duration: write it as 20s, 1m30s or 250ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
