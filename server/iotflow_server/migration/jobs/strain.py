"""Whether those suffer whom a job must not disturb: live writes, and the secondary that has to keep up with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True)
class LiveStrain:
    """``write_p95``: seconds that a store's live writes took of late, through any instance. ``dirty_ranges``: of the
    secondary."""

    write_p95: Mapping[StoreName, Callable[[], float]]
    dirty_ranges: Callable[[], int]
    max_write_seconds: float
    max_dirty_ranges: int

    def __call__(self) -> str:
        """Why a job should work less now; empty where it need not."""
        for store, p95 in self.write_p95.items():
            if (seconds := p95()) > self.max_write_seconds:
                return f"live writes to {store}: p95 is {seconds:.2f} s, over {self.max_write_seconds:g} s"
        if (ranges := self.dirty_ranges()) > self.max_dirty_ranges:
            return f"the secondary, which lags by {ranges} dirty ranges, over {self.max_dirty_ranges}"
        return ""
