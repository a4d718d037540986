"""``iotflow-server``: runs the service until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import sys

from pydantic import ValidationError

from iotflow_server.app import StartError, running
from iotflow_server.config import Settings
from iotflow_server.observability.logs import configure_logging


def main() -> None:
    """Serve; exit code 1 with one line on stderr where the service cannot start."""
    try:
        settings = Settings()
        configure_logging(settings.log_level, settings.log_format)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings))
    except ValidationError as error:
        sys.exit(f"iotflow-server: {_faults(error)}")
    except StartError as error:
        sys.exit(f"iotflow-server: {error}")


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings):
        await stop.wait()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _faults(error: ValidationError) -> str:
    return "; ".join(f"setting {'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())


if __name__ == "__main__":
    main()
