"""Repeats a step and tells how fast it was."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """Rows a second of one path: the median of the rounds, and the slowest and fastest."""

    name: str
    rows_per_second: float
    slowest: float
    fastest: float


async def measure(name: str, rows: int, rounds: int, step: Callable[[int], Awaitable[None]]) -> Figure:
    """Run ``step(round)`` once to warm up and then ``rounds`` times; each stores ``rows`` rows."""
    await step(0)
    rates = []
    for number in range(1, rounds + 1):
        begin = time.perf_counter()
        await step(number)
        rates.append(rows / (time.perf_counter() - begin))
    return Figure(name, median(rates), min(rates), max(rates))
