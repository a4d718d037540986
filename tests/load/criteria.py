"""What a service must hold under load, and what a run is checked against where nothing else is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.load.config import CallConfig

#: Longest 95th percentile in milliseconds, by the tag ``kind`` of a config.
P95_MILLISECONDS: Final = {"write": 50.0, "query": 100.0}
FAIL_RATIO: Final = 0.0
#: Exit code of a run that does not meet a criterion, the same as that of locust-plugins' own checks.
CHECK_FAILED: Final = 3
#: Share of the rate asked for that must be reached.
REACHED: Final = 0.9


def planned_rps(configs: Sequence[CallConfig]) -> float | None:
    """The calls a second that the configs ask for together; None where one of them has no constant rate."""
    if any(config.load_schedule != "const" or not config.rps for config in configs):
        return None
    return float(sum(config.rps for config in configs))


def average_limit(configs: Sequence[CallConfig]) -> float | None:
    """The longest average in milliseconds: that of the kind which may take longest; None without a kind."""
    limits = [P95_MILLISECONDS[kind] for config in configs if (kind := config.tags.get("kind", "")) in P95_MILLISECONDS]
    return max(limits, default=None)
