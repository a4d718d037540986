"""``iotflow-server``: runs the service until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from pydantic import ValidationError

from iotflow_server.app import StartError, running
from iotflow_server.config import IotdbSettings, Settings
from iotflow_server.observability.logs import configure_logging


def main() -> None:
    """Serve; exit code 1 with one line on stderr where the service cannot start."""
    run_loop(serve)


def run_loop(program: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Run a program with the settings of the environment, or end with one line that says why not."""
    try:
        settings = Settings()
        configure_logging(settings.log_level, settings.log_format)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(program(settings))
    except ValidationError as error:
        sys.exit(f"iotflow-server: {_faults(error)}")
    except StartError as error:
        sys.exit(f"iotflow-server: {error}")


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then drain."""
    stop = stop_signal()
    async with running(settings):
        await stop.wait()


def stop_signal() -> asyncio.Event:
    """An event that is set by whatever asks a process to end: SIGTERM, Ctrl-C, a closed terminal."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _faults(error: ValidationError) -> str:
    prefix = "IOTDB_" if error.title == IotdbSettings.__name__ else "IOTFLOW_"
    return "; ".join(f"{prefix}{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())


if __name__ == "__main__":
    main()
