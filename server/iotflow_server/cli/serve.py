"""``iotflow-server``: runs the service until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from pydantic import ValidationError

from iotflow_server.app import running
from iotflow_server.cli.allocator import keep_freed_memory
from iotflow_server.cli.collector import look_for_garbage_less_often
from iotflow_server.cli.event_loop import ServiceLoop
from iotflow_server.composition.foundation import StartError
from iotflow_server.config import IotdbSettings, Settings
from iotflow_server.observability.logs import configure_logging
from iotflow_server.workers.parent import supervised


def main(workers: int | None = None) -> None:
    """Serve; exit code 1 with one line on stderr where the service cannot start.

    ``workers``: instead of IOTFLOW_WORKERS.
    """
    run_loop(serve, **({} if workers is None else {"workers": workers}))


def run_loop(program: Callable[[Settings], Coroutine[Any, Any, None]], **given: Any) -> None:
    """Run a program with the settings of the environment, or end with one line that says why not.

    ``given``: settings that are not taken from the environment.
    """
    try:
        settings = Settings(**given)
        configure_logging(settings.log_level, settings.log_format)
        look_for_garbage_less_often()
        keep_freed_memory()
        with asyncio.Runner(loop_factory=ServiceLoop) as runner:
            runner.run(program(settings))
    except ValidationError as error:
        sys.exit(f"iotflow-server: {_faults(error)}")
    except StartError as error:
        sys.exit(f"iotflow-server: {error}")


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then drain."""
    stop = stop_signal()
    async with running(settings) if settings.workers == 1 else supervised(settings):
        await stop.wait()


def stop_signal(*numbers: signal.Signals) -> asyncio.Event:
    """An event that is set by signals, by default all that ask a process to end: SIGTERM, Ctrl-C, a closed terminal."""
    stop = asyncio.Event()
    for number in numbers or (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _faults(error: ValidationError) -> str:
    prefix = "IOTDB_" if error.title == IotdbSettings.__name__ else "IOTFLOW_"
    return "; ".join(f"{prefix}{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())


if __name__ == "__main__":
    main()
