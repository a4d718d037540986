"""How latencies are distributed, by the rules of ghz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BUCKETS = 10


@dataclass(frozen=True)
class Bucket:
    """How many calls took at most ``mark`` seconds and longer than the bucket before."""

    mark: float
    count: int


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile of ascending numbers, at least one."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def histogram(ordered: Sequence[int]) -> list[Bucket]:
    """Ten buckets of one width over the range of ascending nanoseconds, after one for the fastest."""
    marks = np.linspace(ordered[0], ordered[-1], _BUCKETS + 1)
    places = np.searchsorted(marks, ordered, side="left").clip(0, _BUCKETS)
    counts = np.bincount(places, minlength=_BUCKETS + 1)
    return [Bucket(mark / 1e9, int(count)) for mark, count in zip(marks.tolist(), counts, strict=True)]
