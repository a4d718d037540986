"""The real ghz: found, or built once by Go into .cache/go/bin; ``python -m tests.load.ghz`` prints its path."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.load.report import Report, read_report
from tests.load.scenario import Document

VERSION: Final = "v0.121.0"
ROOT: Final = Path(__file__).parents[2]
MISSING: Final = "ghz is not installed, and there is no Go to build it"
_BIN: Final = ROOT / ".cache" / "go" / "bin"
_BUILD_SECONDS: Final = 600
#: ghz repeats what is wrong for every call.
_LONGEST_FAULT: Final = 500


class GhzError(Exception):
    """ghz could not be built or did not run; the message holds what it said."""


def find_ghz() -> Path | None:
    """The path of ghz, built if need be; None where it is not installed and there is no Go.

    :raises GhzError: there is Go, but it cannot build ghz.
    """
    found = shutil.which("ghz")
    if found is not None:
        return Path(found)
    return _built() if (_BIN / "ghz").exists() or shutil.which("go") else None


def run_ghz(ghz: Path, documents: Sequence[Document], folder: Path) -> list[Report]:
    """Run configs at once, each in a process of its own, and return their reports, which ``folder`` keeps.

    :raises GhzError: a run failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begun = [(document["name"], _start(ghz, document, folder)) for document in documents]
    failed = [f"{name}: {errors.strip()}" for name, run in begun if (errors := run.communicate()[1]) or run.returncode]
    if failed:
        raise GhzError("\n".join(fault[:_LONGEST_FAULT] for fault in failed))
    return [read_report(folder / f"{name}.json") for name, _ in begun]


def _start(ghz: Path, document: Document, folder: Path) -> subprocess.Popen[str]:
    config = folder / f"{document['name']}.config.json"
    config.write_text(json.dumps(document, indent=2), encoding="utf-8")
    return subprocess.Popen(
        [ghz, "--config", config, "--format", "pretty", "--output", folder / f"{document['name']}.json"],
        cwd=ROOT,
        # Templates show the local time.
        env={**os.environ, "TZ": "UTC"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _built() -> Path:
    _BIN.mkdir(parents=True, exist_ok=True)
    with (_BIN / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_BIN / "ghz").exists():
            command = ["go", "install", f"github.com/bojand/ghz/cmd/ghz@{VERSION}"]
            environment = {**os.environ, "GOBIN": str(_BIN)}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_BUILD_SECONDS)
            if done.returncode != 0:
                raise GhzError(f"Go cannot build ghz: {done.stderr.strip()}")
    return _BIN / "ghz"


if __name__ == "__main__":
    sys.exit(MISSING) if (path := find_ghz()) is None else sys.stdout.write(f"{path}\n")
