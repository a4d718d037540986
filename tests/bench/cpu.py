"""CPU time of servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psutil


class CpuMeter:
    """CPU seconds of named groups of processes, their children included, since :meth:`reset`."""

    def __init__(self, groups: Mapping[str, Iterable[int]]) -> None:
        self._groups = {name: [psutil.Process(one) for one in process_ids] for name, process_ids in groups.items()}
        self._begin: dict[str, float] = {}

    def reset(self) -> None:
        """Count from here."""
        self._begin = self._now()

    def seconds(self) -> dict[str, float]:
        """CPU seconds by group."""
        return {name: total - self._begin[name] for name, total in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: sum(map(_with_children, processes)) for name, processes in self._groups.items()}


def _with_children(process: psutil.Process) -> float:
    # What ended children have used is counted with their parent.
    total = sum(process.cpu_times()[:4])
    for child in process.children():
        try:
            total += _with_children(child)
        except psutil.NoSuchProcess:
            continue
    return total
