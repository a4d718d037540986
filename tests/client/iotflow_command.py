"""Runs ``iotflow`` as people do: as a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).parent / "iotflow"


class Iotflow:
    """One command against a service."""

    def __init__(self, address: str, command: str) -> None:
        self._environment = {**os.environ, "IOTFLOW_ADDRESS": address, "COLUMNS": "200", "LINES": "60"}
        self._command = command

    async def __call__(self, *arguments: object, code: int = 0, answer: str = "") -> str:
        """Return what it printed, on stderr too where it is to fail with a code; ``answer`` is typed in."""
        words = [str(COMMAND), self._command, *map(str, arguments)]
        done = await asyncio.to_thread(
            subprocess.run,
            words,
            env=self._environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return " ".join((done.stdout + done.stderr).replace("│", " ").split()) if code else done.stdout
