"""The metrics of several processes as one: each keeps its values in files of one folder, and the parent sums them.

The files outlive a process that is killed, so that no count ever falls. A process that takes the place of another goes
on counting in its files.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from iotflow_server.observability.metrics import Metrics

#: How old a gauge may be when it is read.
_PUBLISH_SECONDS: Final = 1.0


class SharedMetrics:
    """What the parent shows."""

    def __init__(self, folder: Path, serving: Callable[[], int]) -> None:
        """``folder`` is emptied. ``serving``: how many workers serve now."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self.registry = CollectorRegistry()
        MultiProcessCollector(self.registry, path=str(folder))  # type: ignore[no-untyped-call]  # theirs
        workers = Gauge("iotflow_workers", "Worker processes that serve.", registry=self.registry)
        workers.set_function(serving)

    def forget(self, number: int) -> None:
        """Show no gauges of a worker that has ended; what it counted stays."""
        mark_process_dead(number, str(self._folder))  # type: ignore[no-untyped-call]  # theirs


def metrics_of_worker(folder: Path, number: int) -> Metrics:
    """The metrics of this process, which is the only one of that number; from now on all its metrics go there."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]  # theirs
    return Metrics()


async def publish(metrics: Metrics) -> None:
    """Keep the gauges of this process up to date for its parent, until cancelled."""
    while True:
        metrics.publish_gauges()
        await asyncio.sleep(_PUBLISH_SECONDS)
