"""Points that were written into dirty ranges which others had recorded already."""

from __future__ import annotations

from collections.abc import Mapping

from iotflow_server.stores.name import StoreName


class NotedPoints:
    """Counts them by store. They are let go as the ranges become fewer, in the same proportion: an estimate."""

    def __init__(self) -> None:
        self._points: dict[StoreName, float] = dict.fromkeys(StoreName, 0.0)
        self._ranges: dict[StoreName, int] = dict.fromkeys(StoreName, 0)

    def add(self, store: StoreName, points: int) -> None:
        """Count points."""
        self._points[store] += points

    def follow(self, ranges: Mapping[StoreName, int]) -> None:
        """Learn how many ranges there are now."""
        for store, count in ranges.items():
            before, self._ranges[store] = self._ranges[store], count
            if count < before or not count:
                self._points[store] *= count / max(before, 1)

    def of(self, store: StoreName) -> int:
        """Points of a store."""
        return round(self._points[store])
