"""Starts locust as a process of its own: it patches the standard library for gevent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")


class LocustError(Exception):
    """Locust did not run; the message holds what it said."""


def run_locust(scenario: Path, report_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a scenario, and return how locust ended and all it printed, as ``stdout``."""
    return subprocess.run(
        [*_command(), "--scenario", scenario, "--report-dir", report_dir, *options],
        cwd=ROOT,
        # gRPC's handlers at fork have no place beside gevent.
        env={**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _command() -> Sequence[str | Path]:
    return sys.executable, "-m", "locust", "-f", _LOCUSTFILE, "--headless", "--only-summary"
