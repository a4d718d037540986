"""One of several workers; ``iotflow-server --workers`` starts it, and nothing else should."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from iotflow_server.app import prepared, serving
from iotflow_server.cli.allocator import keep_freed_memory
from iotflow_server.cli.collector import look_for_garbage_less_often
from iotflow_server.cli.event_loop import ServiceLoop
from iotflow_server.cli.serve import stop_signal
from iotflow_server.composition.foundation import StartError
from iotflow_server.config import Settings
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.observability.logs import configure_logging
from iotflow_server.observability.metrics import Metrics
from iotflow_server.observability.shared_metrics import metrics_of_worker, publish
from iotflow_server.server import TelemetryServer
from iotflow_server.workers.folders import Presence, metrics_folder, worker_folder
from iotflow_server.workers.lifeline import Lifeline
from iotflow_server.workers.words import Order, Report


def main() -> None:
    """Serve until the parent says so or dies. Arguments: the number, and the folder of an embedded PostgreSQL."""
    number, embedded = int(sys.argv[1]), sys.argv[2:]
    # A terminal sends these to parent and workers alike; the parent passes on what they mean.
    for unheard in (signal.SIGINT, signal.SIGHUP):
        signal.signal(unheard, signal.SIG_IGN)
    settings = Settings()
    configure_logging(settings.log_level, settings.log_format, worker=number)
    presence = Presence(settings.data_dir)
    look_for_garbage_less_often()
    keep_freed_memory()
    with asyncio.Runner(loop_factory=ServiceLoop) as runner:
        is_orphan = runner.run(_work(settings, number))
    if is_orphan and embedded and presence.end():
        LocalPostgres(Path(embedded[0])).stop()


async def _work(settings: Settings, number: int) -> bool:
    """Work to the end; return whether the parent has died."""
    lifeline = await Lifeline.connected()
    metrics = metrics_of_worker(metrics_folder(settings.data_dir), number)
    name = f"{settings.known_as} worker {number}"
    own = settings.model_copy(update={"data_dir": worker_folder(settings.data_dir, number), "instance_name": name})
    try:
        async with prepared(own, metrics, is_worker=True) as server:
            lifeline.report(Report.READY)
            if await lifeline.order() is Order.SERVE:
                await _serve(server, metrics, lifeline)
    except StartError as error:
        lifeline.report(Report.FAILED, str(error))
    return lifeline.is_cut


async def _serve(server: TelemetryServer, metrics: Metrics, lifeline: Lifeline) -> None:
    stopped = asyncio.create_task(stop_signal(signal.SIGTERM).wait())
    ordered = asyncio.create_task(lifeline.order())
    publisher = asyncio.create_task(publish(metrics))
    async with serving(server):
        lifeline.report(Report.SERVING)
        await asyncio.wait({stopped, ordered}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, ordered, publisher):
        task.cancel()
    await asyncio.gather(stopped, ordered, publisher, return_exceptions=True)


if __name__ == "__main__":
    main()
