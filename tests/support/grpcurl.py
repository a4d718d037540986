"""The real grpcurl, built once by Go into .cache/go/bin."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSION = "v1.9.4"
_BIN = Path(__file__).parents[2] / ".cache" / "go" / "bin"
_BUILD_SECONDS = 600


@pytest.fixture(scope="session")
def grpcurl() -> Path:
    """The path of grpcurl. Without Go the test is skipped; with CI=true it fails."""
    found = shutil.which("grpcurl")
    if found is not None:
        return Path(found)
    if shutil.which("go") is None:
        reason = "grpcurl is not installed, and there is no Go to build it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return _build()


def _build() -> Path:
    _BIN.mkdir(parents=True, exist_ok=True)
    with (_BIN / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_BIN / "grpcurl").exists():
            command = ["go", "install", f"github.com/fullstorydev/grpcurl/cmd/grpcurl@{VERSION}"]
            subprocess.run(command, env={**os.environ, "GOBIN": str(_BIN)}, check=True, timeout=_BUILD_SECONDS)
    return _BIN / "grpcurl"
