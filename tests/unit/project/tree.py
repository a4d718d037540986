"""The project's files, for tests about the project itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVER = ROOT / "server"


def tracked_files(*patterns: str) -> list[Path]:
    """Return the files that git tracks, those of the given patterns if there are any."""
    listing = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).exists()]


def texts(*patterns: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each tracked file that is text."""
    for path in tracked_files(*patterns):
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
