"""Starts locust as a process of its own: it patches the standard library for gevent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
_COMMAND: Final = (sys.executable, "-m", "locust", "-f", _LOCUSTFILE, "--headless", "--only-summary")


class LocustError(Exception):
    """Locust did not run; the message holds what it said."""


def start_locust(scenario: Path, report_dir: Path, *options: str) -> subprocess.Popen[str]:
    """Start a run of a scenario; all it prints goes to ``stdout``."""
    return subprocess.Popen(
        [*_COMMAND, "--scenario", scenario, "--report-dir", report_dir, *options],
        cwd=ROOT,
        # gRPC's handlers at fork have no place beside gevent.
        env={**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_locust(scenario: Path, report_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a scenario to its end, and return how locust ended and all it printed."""
    with start_locust(scenario, report_dir, *options) as run:
        output, _ = run.communicate()
    return subprocess.CompletedProcess(run.args, run.returncode, output)
